# SPDX-License-Identifier: Apache-2.0
"""The deterministic simulation: the production engine on a loop, store and clock held in hand."""
