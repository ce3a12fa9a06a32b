# SPDX-License-Identifier: Apache-2.0
"""The schema: the migrations one by one give what the models say, on both databases."""
