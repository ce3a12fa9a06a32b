# SPDX-License-Identifier: Apache-2.0
"""What a document may say of switches, signals and forms."""

import pytest

from tests.unit.model.document.types import check, good, nodes


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        ("{cases: {hot: true, cold: '${{ inputs.x }}'}}", []),
        ("{case: '${{ inputs.x }}'}", []),
        (
            "{}",
            ["5:32: nodes.a.with: exactly one of `case` and `cases` is needed (got neither)"],
        ),
        (
            "{case: x, cases: {x: true}}",
            ["5:32: nodes.a.with: exactly one of `case` and `cases` is needed (got both)"],
        ),
        (
            "{cases: {hot: maybe}}",
            [
                "5:46: nodes.a.with.cases.hot: a case is no condition (expected ${{ … }} that "
                "gives true or false, got 'maybe')"
            ],
        ),
    ],
)
def test_a_switch_has_one_way_to_choose(config: str, lines: list[str]) -> None:
    """Cases with conditions, or the case itself; before anything runs [ND70, DO17]."""
    found = check(nodes(f"  a: {{uses: flow.switch, with: {config}}}\n", "inputs: {x: {}}\n"))
    assert found == lines


@pytest.mark.parametrize("name", ["order-paid", "a.b:c/d_1", "${{ inputs.x }}"])
def test_a_signal_has_a_name(name: str) -> None:
    """Or an expression gives it [ND71]."""
    good(nodes(f"  a: {{uses: wait.signal, with: {{name: '{name}'}}}}\n", "inputs: {x: {}}\n"))


@pytest.mark.parametrize("name", ["", "a#b", "a b", "-a", "x" * 101])
def test_what_is_no_name_of_a_signal_is_refused(name: str) -> None:
    """With the form that a name has [ND71, DO17]."""
    (line,) = check(nodes(f"  a: {{uses: wait.signal, with: {{name: '{name}'}}}}\n"))
    assert "nodes.a.with.name: this is no name of a signal (expected use up to 100" in line


def test_the_fields_of_a_form_are_a_schema() -> None:
    """In its long or its short form; one that an expression makes is known only later [ND72]."""
    for schema in (
        "{amount: integer}",
        "{type: object, properties: {amount: {type: integer}}, required: [amount]}",
        "{colour: {enum: '${{ inputs.x }}'}}",
    ):
        text = f"  a: {{uses: human.form, with: {{message: m, schema: {schema}}}}}\n"
        good(nodes(text, "inputs: {x: {}}\n"))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("5", "nodes.a.with.schema: fields is not a map"),
        ("{type: array, items: {}}", "nodes.a.with.schema.type: fields must be an object"),
        ("{amount: {type: whole}}", "nodes.a.with.schema.amount.type: unknown type"),
        ("{amount: {$ref: 'https://x.test/s'}}", "a reference out of the schema"),
        ("{amount: {type: integer, default: few}}", "the default does not fit"),
        ("{again: {$ref: '#'}}", "nodes.a.with.schema: the fields cannot be used"),
    ],
)
def test_what_is_no_schema_of_a_form_is_refused(schema: str, said: str) -> None:
    """With its place, before anything runs; nothing is fetched [ND72, DO4]."""
    text = f"  a: {{uses: human.form, with: {{message: m, schema: {schema}}}}}\n"
    (line,) = check(nodes(text))
    assert said in line


@pytest.mark.parametrize("uses", ["flow.switch, with: {case: x}", "wait.signal", "human.form"])
def test_what_waits_takes_no_list(uses: str) -> None:
    """A foreach over it is refused before the run, with what to use instead [ND70, DO17]."""
    (line,) = check(nodes(f"  a: {{foreach: [1], uses: {uses}}}\n"))
    assert f"nodes.a.foreach: {uses.partition(',')[0]} cannot be repeated by foreach" in line
    assert "workflow.call" in line
