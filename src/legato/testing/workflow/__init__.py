# SPDX-License-Identifier: Apache-2.0
"""Tests of whole workflows: `*.test.yaml` read, run in memory and judged. Rules: TK7-TK20."""
