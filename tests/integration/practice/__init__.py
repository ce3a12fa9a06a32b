# SPDX-License-Identifier: Apache-2.0
"""The practice service asked over real connections, and as a real process."""
