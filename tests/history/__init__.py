# SPDX-License-Identifier: Apache-2.0
"""Golden histories: logs as released versions wrote them. They are added to, never edited."""
