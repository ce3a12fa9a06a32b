# SPDX-License-Identifier: Apache-2.0
"""Properties of deciding and folding over random workflows, worlds and orders."""
