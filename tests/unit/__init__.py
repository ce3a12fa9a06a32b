# SPDX-License-Identifier: Apache-2.0
"""No I/O but temporary folders, under a second per file; mirrors src/legato."""
