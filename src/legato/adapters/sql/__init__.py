# SPDX-License-Identifier: Apache-2.0
"""The store on SQLite and PostgreSQL. SQLAlchemy defines schema and queries for both.

Importing this package loads neither SQLAlchemy nor a driver: both cost a command line its snap.

Rules: LG, OW.
"""
