# SPDX-License-Identifier: Apache-2.0
"""Pure rules: `state = fold(evolve, events)`; `decide(state, signals) -> events, effects`."""
