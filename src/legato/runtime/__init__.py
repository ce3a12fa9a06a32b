# SPDX-License-Identifier: Apache-2.0
"""The shell around the pure rules: turns, evaluations, attempts, timers, owners; asyncio."""
