# SPDX-License-Identifier: Apache-2.0
"""Tests: the folder says what a test needs and what it proves (see CONTRIBUTING.md)."""
