# SPDX-License-Identifier: Apache-2.0
"""Legato: durable workflows; every step is kept before the next begins.

Imports nothing, so that `import legato` and `legato --help` cost nothing. ARCHITECTURE.md says what
lives where.
"""

__version__ = "0.1.0"
