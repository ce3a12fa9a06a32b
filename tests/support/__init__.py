# SPDX-License-Identifier: Apache-2.0
"""What tests of several folders share: builders of workflows, a driver of `decide`, comparisons."""
