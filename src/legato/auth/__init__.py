# SPDX-License-Identifier: Apache-2.0
"""Who somebody is and what they may do: the rules of identity, without web and without storage.

Must not import a web framework or an adapter; what is stored is behind `ports.accounts`.

Rules: AU.
"""
