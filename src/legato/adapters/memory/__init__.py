# SPDX-License-Identifier: Apache-2.0
"""The store in memory: for tests and the simulation. Nothing survives the process.

Rules: LG, OW.
"""

from legato.adapters.memory.database import Faults, MemoryDatabase
from legato.adapters.memory.stores import make_memory_stores

__all__ = ["Faults", "MemoryDatabase", "make_memory_stores"]
