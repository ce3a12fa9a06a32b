# SPDX-License-Identifier: Apache-2.0
"""Whatever a value holds, it arrives as that value: found by trying."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.nodes.databases import Desk

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
SLY = st.lists(
    st.sampled_from(
        ["'", '"', "`", "\\", "--", "/*", "*/", "#", ";", ":v", "$1", "?", "%s", "%(v)s", "{v}",
         "\n", "\r", "\N{NO-BREAK SPACE}", "\N{MODIFIER LETTER APOSTROPHE}", " OR 1=1 ",
         "DROP TABLE goods", "x", "\N{RIGHT SINGLE QUOTATION MARK}", "\x1a", "\x08", "\ufffd"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
VALUES = TEXTS | SLY
FEW = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@FEW
@given(text=VALUES)
async def test_any_text_in_a_parameter_is_data(desk: Desk, text: str) -> None:
    """It comes back as it went in, beside words that look the same [ND31]."""
    kind = {"sqlite": "TEXT", "postgres": "text", "mysql": "char"}[desk.database.kind]
    query = f"""
        SELECT CAST(:v AS {kind}) AS v, ':v -- '' /* ' AS words, /* :v */ 1 AS one -- :v
        WHERE CAST(:v AS {kind}) = :v
    """
    rows = await desk.rows(query, params={"v": text})
    assert rows == [{"v": text, "words": ":v -- ' /* ", "one": 1}]


@FEW
@given(value=VALUES | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none()
       | st.floats(allow_nan=False, allow_infinity=False))  # fmt: skip
async def test_any_value_in_a_parameter_of_sqlite_is_data(lite: Desk, value: Any) -> None:
    """Numbers, booleans and null too [ND31]."""
    back = int(value) if isinstance(value, bool) else value
    assert await lite.rows("SELECT :v AS v", params={"v": value}) == [{"v": back}]


@FEW
@given(
    number=st.integers(-(2**63), 2**63 - 1),
    share=st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
)
async def test_any_number_in_a_parameter_of_mysql_is_data(
    my: Desk, number: int, share: float
) -> None:
    """Written as digits, read back the same [ND31]."""
    rows = await my.rows("SELECT :n AS n, :s = :s AS same", params={"n": number, "s": share})
    assert rows == [{"n": number, "same": 1}]
