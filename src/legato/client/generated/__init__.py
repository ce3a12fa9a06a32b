# SPDX-License-Identifier: Apache-2.0
"""Made from docs/openapi.json by script/openapi; never edited."""
