# SPDX-License-Identifier: Apache-2.0
"""Protocols: what the runtime needs from the outside. Adapters keep them; contract suites prove it."""
