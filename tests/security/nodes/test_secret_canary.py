# SPDX-License-Identifier: Apache-2.0
"""A secret that every part of an attempt handles, and that must leave through none."""

import base64
import html
import json
import re
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from legato.ports.node import NodeContext, NodeFailure, node
from tests.unit.nodes.samples import Plain, Private
from tests.unit.nodes.world import CANARY, World

FORMS = {
    CANARY, quote(CANARY), quote(CANARY, safe=""), quote_plus(CANARY),
    base64.b64encode(CANARY.encode()).decode(), base64.urlsafe_b64encode(CANARY.encode()).decode(),
    base64.b64encode(f"user:{CANARY}".encode()).decode(), json.dumps(CANARY)[1:-1],
    json.dumps(json.dumps(CANARY))[3:-3],
}  # fmt: skip


@node("test.leaky", title="Leaky", secret_fields=("password",))
async def leaky(ctx: NodeContext, config: Private) -> Any:
    """Let the secret out through the door that the value names."""
    secret = config.password.get_secret_value()
    everything = {form: [form, {"k": form}] for form in FORMS}
    if config.value == "log":
        for form in FORMS:
            ctx.log(f"a {form} b", level="warning")
            ctx.progress(0.5, form)
            ctx.delta(form)
    if config.value == "raise":
        raise ValueError(f"bad {everything}")
    if config.value == "cause":
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise RuntimeError(f"because of {secret}") from error
    if config.value == "failure":
        raise NodeFailure("http.401", f"refused {' '.join(FORMS)}")
    if config.value == "repr":
        return {"config": repr(config), "str": str(config.password), "ctx": repr(ctx)}
    if config.value == "object":
        return object.__new__(type(secret + "x", (), {}))
    if config.value == "step":

        async def body() -> Any:
            return everything

        return await ctx.step("leak", body)
    if config.value == "large":
        return {"padding": "x" * 100_000, **everything}
    return everything


@pytest.mark.parametrize(
    "value",
    ["log", "raise", "cause", "failure", "repr", "object", "step", "large", "output"],
)
@pytest.mark.parametrize("isolated", [False, True])
async def test_the_canary_leaves_through_no_door(world: World, value: str, isolated: bool) -> None:
    """Output, error, log, progress, stream, journal and blobs hold no form of it
    [ND10, LG24, CR25].
    """
    node_type = leaky
    config = {"password": {"secret": "token"}, "value": value}
    report = await world.run(node_type, config, isolated=isolated)
    said = await world.everything_said(report)
    for form in FORMS:
        assert form not in said
    if value not in {"repr", "object"}:
        assert "[redacted]" in said


async def test_a_wrong_config_does_not_show_a_resolved_secret(world: World) -> None:
    """A mistake in a field beside the secret, or in it, names fields and no value [ND10]."""
    for config in ({"password": {"secret": "token"}, "extra": 1},):
        report = await world.run(leaky, config)
        assert CANARY not in await world.everything_said(report)


async def test_a_secret_asked_for_by_name_is_redacted_from_then_on(world: World) -> None:
    """`ctx.secret` registers the value [ND10]."""

    @node("test.asks", title="Asks")
    async def asks(ctx: NodeContext, config: Plain) -> Any:
        """Return the secret."""
        return [await ctx.secret("token"), 1]

    assert await world.output(asks, {}) == ["[redacted]", 1]


async def test_one_attempts_secrets_do_not_redact_anothers_output(world: World) -> None:
    """Redaction belongs to the attempt that has seen the secret [ND10]."""

    @node("test.says", title="Says")
    async def says(ctx: NodeContext, config: Plain) -> Any:
        """Return the value."""
        return config.value

    await world.run(leaky, {"password": {"secret": "token"}})
    assert await world.output(says, {"value": "[redacted] is a word"}) == "[redacted] is a word"


def _lower_escapes(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(text, safe=""))


HARD = 'p"a\\s/s<w>&ör d'


@pytest.mark.parametrize(
    "form",
    [
        HARD, _lower_escapes(HARD), quote_plus(HARD), json.dumps(HARD)[1:-1],
        json.dumps(HARD, ensure_ascii=False)[1:-1], json.dumps(json.dumps(HARD))[3:-3],
        json.dumps(HARD)[1:-1].replace("/", "\\/"), html.escape(HARD),
        json.dumps(HARD)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e")
        .replace("&", "\\u0026"),
        *(base64.b64encode(b"x" * n + HARD.encode() + b"tail").decode() for n in range(3)),
    ],
)  # fmt: skip
async def test_a_form_of_a_secret_in_an_output_is_replaced(world: World, form: str) -> None:
    """Escaped once or twice in JSON, by writers that escape more, in URLs of either case, in HTML
    and at each alignment of base64 [CR25].
    """
    world.secrets.values["token"] = HARD

    @node("test.echo", title="Echo", secret_fields=("password",))
    async def echo(ctx: NodeContext, config: Private) -> Any:
        """Return a form."""
        return {"answer": f"a {form} b"}

    output = await world.output(echo, {"password": {"secret": "token"}, "value": "x"})
    assert "[redacted]" in output["answer"]
    assert form not in output["answer"]
