# SPDX-License-Identifier: Apache-2.0
"""One rotating log file that several processes write."""

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.cli.site import Site

WRITER = """
import sys
from io import StringIO
from pathlib import Path
from legato.telemetry import configure_logging, logger
from legato.telemetry.log_file import LogFile
file = LogFile(Path(sys.argv[1]), max_bytes=int(sys.argv[3]), keep=50)
configure_logging("info", as_json=True, stream=StringIO(), file=file)
sys.stdin.read(1)
for number in range(int(sys.argv[4])):
    logger("legato.test").info("line", writer=sys.argv[2], number=number, text="x" * 100)
    if number % 40 == 0:
        while file._lines:
            pass
file.close()
sys.exit(file.dropped)
"""
LINES = 600


def test_processes_share_one_rotating_file(tmp_path: Path) -> None:
    """No line is lost, cut or mixed with another one, in the order of each writer [HT55]."""
    file = tmp_path / "legato.log"
    arguments = (str(30_000), str(LINES))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), name, *arguments], stdin=subprocess.PIPE
        )
        for name in ("a", "b", "c")
    ]
    for each in writers:
        assert each.stdin is not None
        each.stdin.write(b"\n")
        each.stdin.close()
    assert [each.wait() for each in writers] == [0, 0, 0]
    older = sorted(tmp_path.glob("legato.log.*"), key=lambda path: -int(path.suffix[1:]))
    assert len(older) > 5
    found = [
        json.loads(line)
        for path in (*older, file)
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    for name in ("a", "b", "c"):
        numbers = [each["number"] for each in found if each["writer"] == name]
        assert numbers == list(range(LINES)), name


def test_an_engine_makes_it_and_a_bad_one_ends_the_start(site: Site) -> None:
    """In a folder beside the settings; each mistake is one line [HT55]."""
    settings = site.home / "legato.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'[log]\nfile = "logs/engine.log"\nkeep = 3\n{text}', encoding="utf-8")
    site.ok("engine", "--until-idle")
    file = site.home / "logs" / "engine.log"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    (site.home / "folder").mkdir()
    for wrong, said in (
        ({"LEGATO_LOG__FILE": str(site.home / "folder")}, "the log file"),
        ({"LEGATO_LOG__KEEP": "0"}, "LEGATO_LOG__KEEP"),
        ({"LEGATO_LOG__MAX_BYTES": "1"}, "LEGATO_LOG__MAX_BYTES"),
        ({"LEGATO_LOG__FILE": str(site.folder / "in-a-granted-folder.log")}, "Legato's own"),
    ):
        result = site.run("engine", "--until-idle", **wrong)
        assert result.code == 2, result
        assert said in result.err
