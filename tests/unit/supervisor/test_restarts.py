# SPDX-License-Identifier: Apache-2.0

import pytest

from legato.errors import InvalidInput
from legato.supervisor.restarts import Restarts
from legato.supervisor.spec import Bounds, Change, ChildSpec

BOUNDS = Bounds(delay_first_s=0.5, delay_max_s=3.0, crashes_max=5, window_s=60.0)


def test_the_pause_doubles_with_each_crash_up_to_a_bound() -> None:
    """And the last crash that is tolerated has none after it [SU3, SU4]."""
    restarts = Restarts(BOUNDS)
    assert [restarts.crashed(float(now)) for now in range(5)] == [0.5, 1.0, 2.0, 3.0, None]


def test_crashes_that_are_long_ago_are_forgotten() -> None:
    """One a minute goes on for ever, after the shortest pause [SU3, SU4]."""
    restarts = Restarts(BOUNDS)
    assert [restarts.crashed(60.0 * number) for number in range(100)] == [0.5] * 100
    assert [restarts.crashed(5_940.0 + 14.9 * number) for number in range(1, 5)] == [
        1.0, 2.0, 3.0, None,
    ]  # fmt: skip


def test_a_change_is_one_line() -> None:
    """Process id, reason and pause where there are any [SU1]."""
    assert str(Change("server", "running", 12)) == "server: running, process 12"
    crashed = Change("server", "crashed", None, "SIGSEGV", 0.5)
    assert str(crashed) == "server: crashed, SIGSEGV, starts again in 0.5 s"
    assert str(Change("server", "given_up", None, "exit code 2")) == "server: given up, exit code 2"


@pytest.mark.parametrize("wrong", [("", ("x",)), ("a\nb", ("x",)), ("a", ())])
def test_what_cannot_be_a_child_is_refused(wrong: tuple[str, tuple[str, ...]]) -> None:
    """No name, a name that breaks lines, no program [SU1]."""
    with pytest.raises(InvalidInput):
        ChildSpec(*wrong)
