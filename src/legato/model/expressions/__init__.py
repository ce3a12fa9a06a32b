# SPDX-License-Identifier: Apache-2.0
"""Expressions (CEL, the Common Expression Language) and templates whose holes are expressions.

The one package that touches the CEL runtime, and it does so lazily: importing it costs nothing.
Evaluation is pure: no clock, no chance, no I/O, no attribute of the host interpreter.

Rules: EX1-EX3, EX7, EX10-EX12, EX16-EX19.
"""
