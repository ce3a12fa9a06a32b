# SPDX-License-Identifier: Apache-2.0
"""Runs one attempt of one node, whatever the node does, and says how it ended.

Independent of the engine: `runner.AttemptRunner.run(request)` answers with exactly one report.
Around it stand the node's context, its log, the step journal, threads for synchronous code,
process trees for programs, and a process of its own for a node that kills its host.

Must not contain scheduling, retries or events: those are decided from the report.

Rules: ND, JN, AT, EN12.
"""
