# SPDX-License-Identifier: Apache-2.0
"""The built-in node types. Each imports ports and model only; `registry` names them all.

Must not contain scheduling or storage: a node sees its config and its context, nothing else.

Rules: ND.
"""
