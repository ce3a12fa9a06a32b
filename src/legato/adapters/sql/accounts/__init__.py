# SPDX-License-Identifier: Apache-2.0
"""Accounts on both databases: statements in `definitions…`, transactions as scripts.

The definitions are compiled into both `compiled.sql` and not imported at run time.

Rules: AC.
"""
