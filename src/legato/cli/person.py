# SPDX-License-Identifier: Apache-2.0
"""Who uses the command line: the name that stands beside an answer or a cancel in the log."""

import os
import pwd


def person() -> str:
    """Return the user's login name, or the number of the user if it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
