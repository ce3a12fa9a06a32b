# SPDX-License-Identifier: Apache-2.0
"""Answers the HTTP requests of a case from its exchanges; what nobody recorded is noted.

Rules: TK10.
"""

import json
from collections.abc import Sequence
from typing import Final

from legato.ports.exchanges import Answer
from legato.testing.workflow.suite import Exchange

_BODY_SHOWN: Final = 200
_PORTS: Final = {"http": 80, "https": 443}


class Replay:
    """Keeps `legato.ports.exchanges.Exchanges`: the first exchange that fits and is not used up."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        """Args: exchanges in the order in which equal requests get them."""
        self._exchanges = exchanges
        self._used = [0] * len(exchanges)
        self.misses: list[str] = []

    def answer(self, method: str, url: str, body: bytes) -> Answer | None:
        """Keep `Exchanges.answer`."""
        is_used_up = False
        for index, each in enumerate(self._exchanges):
            if not _fits(each, method, url, body):
                continue
            if each.times is None or self._used[index] < each.times:
                self._used[index] += 1
                return each.answer
            is_used_up = True
        self.misses.append(self._miss(method, url, body, is_used_up=is_used_up))
        return None

    def _miss(self, method: str, url: str, body: bytes, *, is_used_up: bool) -> str:
        text = f"no recorded exchange answers {method} {url}"
        if body:
            text += f" with the body {body[:_BODY_SHOWN].decode('utf-8', 'replace')!r}"
        if is_used_up:
            return f"{text}: it was asked more often than recorded (`times`)"
        near = [each for each in self._exchanges if same_url(each.url, url)]
        if near:
            return f"{text}: recorded for this URL is {near[0].method}, or another body"
        return text


def _fits(exchange: Exchange, method: str, url: str, body: bytes) -> bool:
    if exchange.method != method or not same_url(exchange.url, url):
        return False
    if exchange.has_json:
        try:
            return bool(json.loads(body) == exchange.json)
        except ValueError:
            return False
    return exchange.body is None or exchange.body == body


def same_url(one: str, other: str) -> bool:
    """Tell whether two URLs are the same once both are written in the same way."""
    import httpx2  # noqa: PLC0415 - 150 ms, only when a request is made

    try:
        first, second = httpx2.URL(one), httpx2.URL(other)
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        return False
    ports = [each.port or _PORTS.get(each.scheme) for each in (first, second)]
    one_place = (first.scheme, first.raw_host, first.raw_path)
    return one_place == (second.scheme, second.raw_host, second.raw_path) and ports[0] == ports[1]
