# SPDX-License-Identifier: Apache-2.0
"""Protocols: what the runtime needs from outside. Adapters keep them; contract suites prove it."""
