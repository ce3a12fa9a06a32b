# SPDX-License-Identifier: Apache-2.0
"""Strategies for expressions, data and documents."""

from hypothesis import strategies as st

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20),
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)

_WORDS = st.sampled_from(
    [
        "inputs",
        "nodes",
        "item",
        "index",
        "run",
        "trigger",
        "previous",
        ".",
        ".?",
        "[",
        "]",
        "[?",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        "?",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "!",
        "in",
        "true",
        "null",
        "1",
        "2.5",
        "0u",
        "9223372036854775807",
        "'a'",
        '"b"',
        "b'c'",
        "r'\\'",
        "x",
        "map",
        "filter",
        "exists",
        "size",
        "sum",
        "default",
        "unique",
        "orValue",
        "optMap",
        "cel.bind",
        "math.least",
        "optional.none()",
        "has",
        "matches",
        "__class__",
        "//",
        "\n",
        " ",
        "${{",
        "}}",
        "nodes.log.output",
        "inputs.list.map(x, x)",
        "@result",
        "`",
        "\\",
        "'''",
        "é",
        "😀",
    ]
)
EXPRESSIONS = st.one_of(
    st.text(max_size=60),
    st.lists(_WORDS, max_size=14).map("".join),
    st.lists(_WORDS, max_size=14).map(" ".join),
)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["${{", "}}", "$${{", "$", "{", "}", "'", '"', "inputs.v", " ", "//", "\n"]
        ),
        st.text(max_size=5),
    ),
    max_size=10,
).map("".join)
