# SPDX-License-Identifier: Apache-2.0
"""Properties that hold for every input, found by Hypothesis."""
