# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per command group, loaded when the command is used.

It only shows and asks: rules live in the engine, choices of adapters in `legato.app`. Nothing here
may be imported by other packages. Rules: CL1 to CL15.
"""
