# SPDX-License-Identifier: Apache-2.0
"""Reads JSON bodies strictly into pydantic models; every fault is named by a JSON Pointer.

    @routes.post("", access=...)
    async def create(thing: Annotated[NewThing, body(NewThing)]) -> ...:

    @routes.put("/{thing_id}", access=...)
    async def replace(api: ApiPart, thing_id: str, sent: Annotated[Sent[NewThing], sent(NewThing)]):
        found = await look_up(thing_id)      # 404 comes before what is wrong with the body
        thing = await sent.read()

Strict: no NaN, NUL, lone surrogate, duplicate key or deep nesting, no field that the model does not
have, no text where a number is meant. Rules: HT14, HT19.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from legato.api.problems import ERRORS_MAX, Fault, InvalidBody, fault_of
from legato.errors import InvalidInput
from legato.model.values import decode

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

IN_LOOP_MAX: Final = 64 * 1024
"""A longer body is decoded in a thread: a MiB takes some 20 ms, which others would wait for."""


async def read_bytes(request: Request) -> bytes:
    """Return the body as it came, counted by the frame.

    Raises:
        Refused: `too_large` or `request_timeout`.
    """
    return await request.body()  # which keeps it, for whoever needs to know what was sent


class Sent(Generic[M]):
    """A body that the route reads when it has found what the request is about."""

    def __init__(self, request: Request, model: type[M]) -> None:
        """Args: model is what the body should be."""
        self._request = request
        self._model = model

    async def read(self) -> M:
        """Return the body.

        Raises:
            Refused: `too_large` or `request_timeout`.
            InvalidJson: It is no strict JSON.
            InvalidBody: It is no such model.
        """
        data = await read_bytes(self._request)
        if len(data) > IN_LOOP_MAX:
            return await asyncio.to_thread(parse, data, self._model)
        return parse(data, self._model)


class _Reader(Generic[M]):
    """A dependency; `model` is where the description of the API finds the body's form."""

    def __init__(self, model: type[M], *, is_late: bool) -> None:
        self.model = model
        self._is_late = is_late

    async def __call__(self, request: Request) -> Any:
        found = Sent(request, self.model)
        return found if self._is_late else await found.read()


def body(model: type[M]) -> Any:
    """Return the dependency that gives a route its body, read and checked."""
    return Depends(_Reader(model, is_late=False))


def sent(model: type[M]) -> Any:
    """Return the dependency that gives a route a `Sent` to read later."""
    return Depends(_Reader(model, is_late=True))


def checked(path: str, check: Callable[[object], T], value: object) -> T:
    """Return what a check makes of one field.

    Args:
        path: JSON Pointer to the field.
        check: Raises `InvalidInput` with a text that does not repeat the value.
        value: The field.

    Raises:
        InvalidBody: The check has refused it.
    """
    try:
        return check(value)
    except InvalidInput as error:
        raise InvalidBody([Fault(path, error.message)]) from None


def model_of(call: Callable[..., Any] | None) -> type[BaseModel] | None:
    """Return what a dependency reads from the body, or None."""
    return call.model if isinstance(call, _Reader) else None


def parse(data: bytes, model: type[M]) -> M:
    """Return JSON text as a model.

    Raises:
        InvalidJson: It is no strict JSON.
        InvalidBody: It is no such model.
    """
    value = decode(data, what="the body")
    try:
        return model.model_validate_json(data, strict=True, extra="forbid")
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        faults = [fault_of(each, _place(each["loc"], value)) for each in found[:ERRORS_MAX]]
    raise InvalidBody(faults)


def _place(steps: Sequence[int | str], value: Any) -> list[int | str]:
    """Return the steps that lead through the value; the checker also names variants of a union."""
    found: list[int | str] = []
    for step in steps:
        inside = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if inside or (isinstance(value, dict) and step in value):
            value = value[step]
            found.append(step)
        elif step is steps[-1] and isinstance(value, dict):
            found.append(step)  # the field that is missing
    return found
