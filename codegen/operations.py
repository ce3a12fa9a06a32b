# SPDX-License-Identifier: Apache-2.0
"""The methods of the client: one for each operation, and one more for each list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codegen.names import argument as argument_of
from codegen.names import docstring
from codegen.types import Types

JSON = "application/json"
STREAM = "text/event-stream"
_PIECES = ("application/octet-stream", "application/x-ndjson", "application/x-tar")
_METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class Operation:
    """An operation as the description has it, its references followed."""

    method: str
    path: str
    value: Mapping[str, Any]
    parameters: list[Mapping[str, Any]]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.value["operationId"])

    @property
    def tag(self) -> str:
        """Its group."""
        return str(self.value["tags"][0])

    @property
    def good(self) -> dict[int, Mapping[str, Any]]:
        """Its answers that are no refusals: of each what there is by media type."""
        return {
            int(status): each.get("content", {})
            for status, each in self.value["responses"].items()
            if status.startswith("2")
        }

    @property
    def body(self) -> Mapping[str, Any]:
        """What may be sent, by media type."""
        found: Mapping[str, Any] = self.value.get("requestBody", {}).get("content", {})
        return found


def operations_of(description: Mapping[str, Any]) -> list[Operation]:
    """Return every operation, in the order of its paths."""
    known = description["components"].get("parameters", {})
    found = []
    for path, item in description["paths"].items():
        for method in _METHODS:
            if method in item:
                value = item[method]
                parameters = [
                    known[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
                    for each in value.get("parameters", ())
                ]
                found.append(Operation(method.upper(), path, value, parameters))
    return found


def _noun(name: str) -> str:
    """Return what an operation is about."""
    return name.partition("_")[2]


class Method:
    """The method of one operation."""

    def __init__(self, operation: Operation, types: Types) -> None:
        """Take it."""
        self.operation = operation
        self._types = types
        contents = {media for each in operation.good.values() for media in each}
        self._is_stream = STREAM in contents

    def texts(self) -> list[str]:
        """Return the methods in text."""
        found = []
        contents = {media for each in self.operation.good.values() for media in each}
        if contents - {STREAM} or not self._is_stream:
            found.append(self._plain())
            if self._is_list():
                found.append(self._each())
        if self._is_stream:
            found.append(self._stream())
        return found

    # --- signature ------------------------------------------------------------------------------

    def _argument(self, parameter: Mapping[str, Any]) -> str:
        """Return the name of a parameter's argument."""
        name = str(parameter["name"])
        short = name.removeprefix("Legato-")
        others = {each["name"].lower() for each in self.operation.parameters}
        return argument_of(name if short.lower() in others else short)

    def _in(self, place: str) -> list[Mapping[str, Any]]:
        return [each for each in self.operation.parameters if each["in"] == place]

    def _parameter_type(self, parameter: Mapping[str, Any]) -> str:
        kind = self._types.of(parameter.get("schema", {}), is_sent=True)
        kind = kind.removesuffix(" | None")
        return kind

    def _signature(self, *, without: tuple[str, ...] = ()) -> str:
        taken = ["self"]
        for each in self._in("path"):
            taken.append(f"{self._argument(each)}: {self._parameter_type(each)}")
        kind = self._body_type()
        if kind is not None and self.operation.value["requestBody"].get("required"):
            taken.append(f"body: {kind}")
        elif kind is not None:
            taken.append(f"body: {kind} | None = None")
        named = []
        for each in [*self._in("query"), *self._in("header")]:
            if each["name"] not in without:
                named.append(f"{self._argument(each)}: {self._parameter_type(each)} | None = None")
        return ", ".join([*taken, *(["*", *named] if named else [])])

    def _body_type(self) -> str | None:
        body = self.operation.body
        if not body:
            return None
        kinds = []
        for media, each in body.items():
            if media == JSON:
                kinds.append(self._types.of(each.get("schema", {}), is_sent=True))
            elif media.startswith("multipart/"):
                kinds.append("Upload")
            else:
                kinds += ["bytes", "str"]
        return " | ".join(dict.fromkeys(kinds))

    # --- the call -------------------------------------------------------------------------------

    def _call(self, *, accept: str | None = None, without: tuple[str, ...] = ()) -> list[str]:
        path = self.operation.path
        for each in self._in("path"):
            path = path.replace(f"{{{each['name']}}}", f"{{segment({self._argument(each)})}}")
        quoted = f'f"{path}"' if self._in("path") else f'"{path}"'
        lines = [f'method="{self.operation.method}"', f"path={quoted}"]
        for place, field in (("query", "query"), ("header", "headers")):
            pairs = [
                f'"{each["name"]}": {self._argument(each)}'
                for each in self._in(place)
                if each["name"] not in without
            ]
            if pairs:
                lines.append(f"{field}={{{', '.join(pairs)}}}")
        if self.operation.body:
            lines += ["body=body", f"content_type={self._content_type()}"]
        if any(each["name"] == "Idempotency-Key" for each in self._in("header")):
            lines.append("takes_key=True")
        if accept is not None:
            lines.append(f'accept="{accept}"')
        return [f"        call = Call({', '.join(lines)})"]

    def _content_type(self) -> str:
        media = list(self.operation.body)
        if not self.operation.value["requestBody"].get("required"):
            return f'"" if body is None else "{media[0]}"'
        text = next((each for each in media if each != JSON and "multipart" not in each), None)
        if text is not None and JSON in media:
            return f'"{text}" if isinstance(body, str | bytes) else "{JSON}"'
        return f'"{media[0]}"'

    # --- methods --------------------------------------------------------------------------------

    def _plain(self) -> str:
        good = self.operation.good
        others = [m for each in good.values() for m in each if m not in {JSON, STREAM}]
        if others:
            return self._other(others[0])
        kinds = {
            status: self._types.of(each[JSON].get("schema", {}), is_sent=False)
            if JSON in each
            else None
            for status, each in good.items()
        }
        distinct = list(dict.fromkeys(kinds.values()))
        if distinct == [None]:
            return self._method("None", "await self._nothing(call)")
        if len(distinct) == 1:
            kind = str(distinct[0])
            if kind == "Any":
                return self._method("Any", "found: Any = await self._answer(call, object)", "found")
            return self._method(kind, f"return await self._answer(call, {kind})")
        union = " | ".join(
            [*(each for each in distinct if each), *(["None"] if None in distinct else [])]
        )
        table = ", ".join(f"{status}: {kind}" for status, kind in kinds.items())
        return self._method(
            union, f"found: {union} = await self._either(call, {{{table}}})", "found"
        )

    def _other(self, media: str) -> str:
        if media in _PIECES or media == "*/*":
            kind = "AbstractAsyncContextManager[AsyncIterator[bytes]]"
            return self._method(kind, "return self._pieces(call)", accept="*/*", is_async=False)
        return self._method("bytes", "return await self._bytes(call)", accept=media)

    def _method(
        self,
        kind: str,
        last: str,
        result: str | None = None,
        *,
        accept: str | None = None,
        is_async: bool = True,
    ) -> str:
        word = "async def" if is_async else "def"
        lines = [f"    {word} {self.operation.name}({self._signature()}) -> {kind}:"]
        lines += [*self._doc(), *self._call(accept=accept), f"        {last}"]
        if result is not None:
            lines.append(f"        return {result}")
        return "\n".join(lines) + "\n"

    def _doc(self, more: str = "") -> list[str]:
        text = str(self.operation.value.get("description") or self.operation.name)
        return docstring(text + more, 8)

    def _is_list(self) -> bool:
        schema = self.operation.good.get(200, {}).get(JSON, {}).get("schema", {})
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        fields = self._types.schemas.get(name, {}).get("properties", {})
        has_cursor = any(each["name"] == "cursor" for each in self._in("query"))
        has_end = "null" in str(fields.get("next_cursor", {}))  # else it follows what comes
        return has_end and has_cursor and {"items", "next_cursor"} <= fields.keys()

    def _each(self) -> str:
        schema = self.operation.good[200][JSON]["schema"]
        fields = self._types.schemas[schema["$ref"].rpartition("/")[2]]["properties"]
        item = self._types.of(fields["items"].get("items", {}), is_sent=False)
        page = self._types.of(schema, is_sent=False)
        passed = [f"{self._argument(each)}" for each in self._in("path")]
        for each in [*self._in("query"), *self._in("header")]:
            name = self._argument(each)
            passed.append(f"{name}=" + ("cursor" if each["name"] == "cursor" else name))
        name, signature = _noun(self.operation.name), self._signature(without=("cursor",))
        lines = [
            f"    def all_{name}({signature}) -> AsyncIterator[{item}]:",
            *self._doc("\n\nYields every item, page after page."),
            f"        async def ask(cursor: str | None) -> {page}:",
            f"            return await self.{self.operation.name}({', '.join(passed)})",
            "",
            "        return pages(ask)",
        ]
        return "\n".join(lines) + "\n"

    def _stream(self) -> str:
        without = ("Last-Event-ID",)
        signature = self._signature(without=without)
        last = "last_event_id: str | None = None"
        signature += f", {last}" if "*" in signature.split(", ") else f", *, {last}"
        name = _noun(self.operation.name)
        lines = [
            f"    def follow_{name}({signature}) -> AsyncIterator[StreamEvent]:",
            *self._doc("\n\nYields events as they come, without a gap, to the end of the stream."),
            *self._call(without=without),
            "        return self._events(call, last_event_id)",
        ]
        return "\n".join(lines) + "\n"
