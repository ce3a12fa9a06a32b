# SPDX-License-Identifier: Apache-2.0
"""A small process supervisor: starts programs, restarts what crashes, leaves nothing behind.

It knows nothing of workflows or of the web; `legato up` gives it the server and the practice
service. Must not import anything of Legato but `errors`, nor anything that is large. Rules: SU.
"""
