# SPDX-License-Identifier: Apache-2.0
"""The store on SQLite: one write connection on one thread, a few read-only connections.

SQLAlchemy defines the statements (`definitions`); they are compiled once, by hand, into
`compiled.sql`, so that no process has to load it to run them.

Python's driver gives up the interpreter lock for every step of a statement, and a busy event loop
returns it only after up to 5 ms. So here a statement takes one step: lists go in as JSON or as one
multi-row INSERT, rows come out as one JSON text.

Rules: LG, OW.
"""
