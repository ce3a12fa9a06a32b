# SPDX-License-Identifier: Apache-2.0
"""Legato's own functions: a closed, documented list beside CEL's standard ones.

All are strict, linear in their input (sorting: n log n), bounded in output and deterministic:
never the clock, never chance. Lists of any length may go through them, unlike through `map`.

Rules: EX9, EX18.
"""
