# SPDX-License-Identifier: Apache-2.0
"""Triggers and notices on both databases: statements in `definitions…`, transactions as scripts.

Rules: TR.
"""
