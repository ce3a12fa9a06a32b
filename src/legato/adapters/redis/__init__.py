# SPDX-License-Identifier: Apache-2.0
"""What several servers count together, in Redis or Valkey from version 6 on.

`link` is one connection that nobody waits for long, `counters` the port on top of it, `shared` what
goes on counting in this process while Redis is away.
"""
