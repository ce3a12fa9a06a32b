# SPDX-License-Identifier: Apache-2.0
"""Locks: they say what pyproject.toml says, by hash, from public places."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import legato
from tests import services
from tests.tidy import places

PUBLIC_HOSTS = {"pypi.org", "files.pythonhosted.org"}
EXPORT = ("export", "--frozen", "--no-config", "--no-dev", "--no-emit-project", "--no-header")


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(places.text(Path(name)))


def _uv() -> str:
    for each in (shutil.which("uv"), str(places.ROOT / ".tools" / "bin" / "uv")):
        if each and Path(each).exists():
            works = subprocess.run([each, "--version"], capture_output=True, check=False)
            if works.returncode == 0:
                return each
    if services.is_ci():
        pytest.fail("CI needs uv to compare the locks")
    pytest.skip("SKIP uv is not installed")


def test_the_application_lock_is_current() -> None:
    """requirements.lock is what uv exports from uv.lock."""
    command = [_uv(), *EXPORT, "--format", "requirements-txt"]
    made = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, check=True)
    assert made.stdout == places.text(Path("requirements.lock")), "run: uv " + " ".join(
        [*EXPORT, "--format", "requirements-txt", "-o", "requirements.lock"]
    )


def test_every_locked_requirement_has_hashes() -> None:
    """Each requirement is pinned to one version and holds at least one hash."""
    text = places.text(Path("requirements.lock"))
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) > 10
    assert [each for each in blocks if "==" not in each or "--hash=sha256:" not in each] == []


def test_the_lock_is_made_from_this_project_file() -> None:
    """uv.lock holds the dependencies that pyproject.toml asks for."""
    (own,) = [each for each in _toml("uv.lock")["package"] if each["name"] == "legato"]
    locked = {each["name"]: each.get("specifier", "") for each in own["metadata"]["requires-dist"]}
    project = _toml("pyproject.toml")["project"]
    asked = {}
    for line in project["dependencies"]:
        match = re.match(r"([\w.-]+)(?:\[[^\]]*\])?\s*([^;]*)", line)
        assert match, line
        name = re.sub(r"[-_.]+", "-", match.group(1)).lower()
        asked[name] = match.group(2).strip()
    assert locked == asked
    assert own["version"] == project["version"] == legato.__version__


def test_every_dependency_is_bounded_above() -> None:
    """No runtime dependency may jump to a next major by itself."""
    lines = _toml("pyproject.toml")["project"]["dependencies"]
    assert [line for line in lines if "<" not in line or ">=" not in line] == []


def test_the_lock_names_public_places_only() -> None:
    """Every address in uv.lock is the public package index; there is no path of a machine."""
    text = places.text(Path("uv.lock"))
    hosts = {urlsplit(url).hostname for url in re.findall(r'"(\w+://[^"]+)"', text)}
    assert hosts == PUBLIC_HOSTS
    sources = {tuple(each["source"].items()) for each in _toml("uv.lock")["package"]}
    assert sources == {(("registry", "https://pypi.org/simple"),), (("editable", "."),)}
