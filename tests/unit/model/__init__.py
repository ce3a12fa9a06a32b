# SPDX-License-Identifier: Apache-2.0
"""Tests of pure values: expressions and documents."""
