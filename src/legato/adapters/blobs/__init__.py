# SPDX-License-Identifier: Apache-2.0
"""Where payloads too large for the log are kept. Rules: LG15, LG16."""
