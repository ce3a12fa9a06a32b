# SPDX-License-Identifier: Apache-2.0
"""The practice service: a second small program that the sample `customer-mail` asks.

It runs in a process of its own (`python -m legato.practice`), slow on purpose, and counts every
request in a ledger of its own: what the numbers on the page say does not come from Legato. Must not
import engine, runtime, adapters or anything else of Legato but `errors`. Rules: PR.
"""
