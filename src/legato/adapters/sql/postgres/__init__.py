# SPDX-License-Identifier: Apache-2.0
"""The store on PostgreSQL: one connection that commits in groups and listens, a pool for the rest.

SQLAlchemy defines the statements (`definitions`); they are compiled once, by hand, into
`compiled.sql` and run by asyncpg. So a process that does not migrate never loads SQLAlchemy, whose
asynchronous engine would bring the ORM along: a second of start and 40 MB.

Rules: LG, OW.
"""
