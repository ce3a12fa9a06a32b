# SPDX-License-Identifier: Apache-2.0
"""The supervisor over real processes."""
