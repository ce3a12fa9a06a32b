# SPDX-License-Identifier: Apache-2.0
"""Workflow documents: text in, checked workflow or every problem at its place out.

Reading and checking execute nothing: no expression over data, no node, no connection, and no file
but the text that is handed in.

Rules: DO1-DO25, GR, EX12, EX14, EX15.
"""
