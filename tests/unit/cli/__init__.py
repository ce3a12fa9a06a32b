# SPDX-License-Identifier: Apache-2.0
"""The command line without processes, stores or terminals."""
