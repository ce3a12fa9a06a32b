# SPDX-License-Identifier: Apache-2.0
"""Where a server has a crash button."""

from pathlib import Path

import pytest

from legato.app.embedded import may_crash
from legato.settings import load_settings


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, True),
        ({"LEGATO_HOST": "localhost"}, True),
        ({"LEGATO_HOST": "0.0.0.0"}, False),  # noqa: S104 - a setting, nothing is bound
        ({"DATABASE_URL": "postgresql://127.0.0.1/legato"}, False),
        ({"LEGATO_CRASH_BUTTON": "false"}, False),
    ],
)
def test_only_a_server_of_ones_own_has_a_crash_button(
    tmp_path: Path, env: dict[str, str], expected: bool
) -> None:
    """On loopback, on SQLite, and not where the setting is off [UP10]."""
    assert may_crash(load_settings(env, tmp_path)) is expected
