# SPDX-License-Identifier: Apache-2.0
"""Pure values: what everything else speaks about. No I/O, no clock, no chance, no asyncio."""
