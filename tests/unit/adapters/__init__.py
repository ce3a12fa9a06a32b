# SPDX-License-Identifier: Apache-2.0
"""Parts of the adapters that need no database."""
