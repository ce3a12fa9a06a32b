# SPDX-License-Identifier: Apache-2.0
"""Makes docs/openapi.json and the Python client from the routes; `script/openapi` runs it."""
