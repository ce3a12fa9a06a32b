# SPDX-License-Identifier: Apache-2.0
"""`python -m legato.cli` is the command `legato`."""

from legato.cli.main import main

main()
