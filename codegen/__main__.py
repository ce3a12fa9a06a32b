# SPDX-License-Identifier: Apache-2.0
"""`python -m codegen [--check]`: write what is made from the API's routes, or compare it."""

import argparse
import sys
from pathlib import Path

from codegen.client import client_files
from codegen.document import document_text
from legato.api.server import describe

ROOT = Path(__file__).parent.parent


def made() -> dict[Path, str]:
    """Return every file that is made, relative to the project's root, with its text."""
    description = describe()
    return {
        Path("docs/openapi.json"): document_text(description),
        **client_files(description, Path("src/legato/client/generated")),
    }


def stale(root: Path = ROOT) -> list[str]:
    """Return the files that are not as they would be made, and those that would not be there."""
    files = made()
    found = [str(path) for path, text in files.items() if _text(root / path) != text]
    folder = root / "src/legato/client/generated"
    kept = {path.relative_to(root) for path in folder.glob("*.py")}
    return sorted([*found, *(str(path) for path in kept - files.keys())])


def main() -> int:
    """Write, or compare; the exit code is 1 if something is stale."""
    parser = argparse.ArgumentParser(prog="script/openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is not up to date")
    options = parser.parse_args()
    if options.check:
        found = stale()
        print("\n".join(found) or "everything is up to date")  # noqa: T201
        return 1 if found else 0
    folder = ROOT / "src/legato/client/generated"
    folder.mkdir(exist_ok=True)
    files = made()
    for old in folder.glob("*.py"):
        if old.relative_to(ROOT) not in files:
            old.unlink()
    for path, text in files.items():
        (ROOT / path).write_text(text, encoding="utf-8")
    return 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
