# SPDX-License-Identifier: Apache-2.0
"""Files that a command writes for a person: whole or not at all, never over something else unasked.

Rules: CL29, CL31.
"""

import os
import sys
from pathlib import Path

from legato.errors import Conflict, InvalidInput

PUBLIC_MODE = 0o666
"""As the umask leaves it."""
PRIVATE_MODE = 0o600


def write_file(file: Path, data: bytes, *, is_forced: bool, mode: int = PUBLIC_MODE) -> bool:
    """Write a file; False if it holds the same already.

    Raises:
        Conflict: It holds something else, and `is_forced` is false.
        InvalidInput: It cannot be written.
    """
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        if file.exists():
            if file.read_bytes() == data:
                return False
            if not is_forced:
                raise Conflict(f"{file} holds something else", hint="--force replaces it.")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be written: {error.strerror}") from None
    return True


def write_stdout(data: bytes) -> None:
    """Write bytes to stdout as they are."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
