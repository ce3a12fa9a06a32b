# SPDX-License-Identifier: Apache-2.0
"""Tests of the pure rules: no I/O, no clock, no runtime."""
