# SPDX-License-Identifier: Apache-2.0
"""The HTTP server: its frame, and one file of routes per resource.

`server.make_api` puts it together. A request passes `connection` (bytes to headers), `frame` (id,
host, CORS, what every answer carries), the router, `access` (the checks of the route, in their
order), and then the route. Must not choose adapters or nodes.
"""
