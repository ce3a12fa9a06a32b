# SPDX-License-Identifier: Apache-2.0
"""A real Chromium without a window, for tests that need a browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.services import ServiceMissing

ARGUMENTS = ("--no-sandbox", "--host-resolver-rules=MAP *.example 127.0.0.1")
"""It finds every name of the tests on this machine."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start it for this block.

    Raises:
        ServiceMissing: It is not installed.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise ServiceMissing("it is not installed; Debian's package is `chromium`")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS])
        yield made
        made.close()
