# SPDX-License-Identifier: Apache-2.0
"""The command line as real processes on a store of their own."""
