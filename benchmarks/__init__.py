# SPDX-License-Identifier: Apache-2.0
"""Measurements: `script/bench engine` compares the engine with its disk and with others."""
