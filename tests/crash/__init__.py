# SPDX-License-Identifier: Apache-2.0
"""Real processes, really killed: what survives, counted by a ledger that stands outside."""
