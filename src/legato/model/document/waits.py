# SPDX-License-Identifier: Apache-2.0
"""What the config schema cannot say of nodes that the engine carries out, checked before a run.

The engine checks all of it again once expressions have their values.

Rules: DO17, ND70-ND72.
"""

from typing import Any

from legato.model.document.fields import shown
from legato.model.document.inputs import read_inputs
from legato.model.document.nodes import Draft
from legato.model.document.problems import Path
from legato.model.document.reads import texts
from legato.model.expressions.template import has_hole
from legato.model.signal_names import SIGNAL_NAME_RULE, is_signal_name


def check_wait(draft: Draft) -> None:
    """Report what is wrong with the config of a switch, a signal or a form."""
    config = draft.fields.data.get("with", {})
    if not isinstance(config, dict):
        return  # reported already
    path = draft.fields.below("with") if "with" in draft.fields.data else draft.path
    if draft.kind == "switch":
        _check_choice(draft, config, path)
    elif draft.kind == "signal":
        _check_name(draft, config.get("name"), (*path, "name"))
    elif draft.kind == "form" and "schema" in config:
        _check_schema(draft, config["schema"], (*path, "schema"))


def _check_choice(draft: Draft, config: dict[str, Any], path: Path) -> None:
    if ("case" in config) == ("cases" in config):
        got = "both" if "case" in config else "neither"
        draft.scope.report.add(path, "exactly one of `case` and `cases` is needed", got=got)
    cases = config.get("cases")
    for name, condition in cases.items() if isinstance(cases, dict) else ():
        if isinstance(condition, str) and not has_hole(condition):
            draft.scope.report.add(
                (*path, "cases", name), "a case is no condition",
                expected="${{ … }} that gives true or false", got=shown(condition),
            )  # fmt: skip


def _check_name(draft: Draft, name: object, path: Path) -> None:
    if isinstance(name, str) and not has_hole(name) and not is_signal_name(name):
        draft.scope.report.add(
            path, "this is no name of a signal", expected=SIGNAL_NAME_RULE, got=shown(name)
        )


def _check_schema(draft: Draft, schema: object, path: Path) -> None:
    """Report a schema that is none; one with expressions in it is known only in a run."""
    if any(has_hole(text) for _, text in texts(schema, path)):
        return
    read_inputs(draft.scope, schema, path, is_form=True)
