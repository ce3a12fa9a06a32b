# SPDX-License-Identifier: Apache-2.0
"""The practice service without connections."""
