# SPDX-License-Identifier: Apache-2.0
"""What the README promises, from end to end."""
