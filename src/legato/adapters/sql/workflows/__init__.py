# SPDX-License-Identifier: Apache-2.0
"""Workflows on both databases: statements in `definitions…`, transactions as scripts.

The definitions are compiled into both `compiled.sql` and not imported at run time.

Rules: WF1-WF9.
"""
