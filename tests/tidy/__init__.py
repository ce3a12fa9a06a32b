# SPDX-License-Identifier: Apache-2.0
"""The house rules that a linter does not know: sizes, words, links, rule ids, locks, layers."""
