"""One process at a time in a folder: a second one is told so, before their files are mixed."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import InputError

try:
    import fcntl
except ImportError:  # no POSIX system
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


@contextmanager
def alone(folder: str | Path, doing: str, wait: float = 0.0) -> Iterator[None]:
    """Hold ``folder`` for this process while the body runs.

    The lock is the kernel's (flock), so it ends with the process, whatever ends it: none is ever left behind.
    Where system or file system have none, nothing is locked, and nothing is refused.

    Args:
        folder: made if need be; holds the file ``.lock`` meanwhile.
        doing: what the other process is at, for its message ("another training").
        wait: seconds in which the other may end: one that was told to stop writes its state first.

    Raises:
        InputError: another process holds the folder, or it cannot be written.
    """
    path = Path(folder) / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _held(path, time.monotonic() + wait)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        raise InputError(folder, problem, "make it writable, or name another folder") from None
    if file is None:
        remedy = "wait until it has ended or stop it, and give the command again"
        raise InputError(folder, f"{doing} is at work in this folder{_holder(path)}", remedy)
    with file:
        # for the other's message alone: there may be no room for it
        with suppress(OSError):
            file.truncate(0)
            os.write(file.fileno(), f"process {os.getpid()} on {platform.node()}".encode())
        try:
            yield
        finally:
            # while it is held: whoever waits for it finds that it is gone, and makes another
            path.unlink(missing_ok=True)


def _held(path: Path, until: float) -> IO[str] | None:
    """The lock file, open and locked; None where another process holds it until then."""
    while True:
        # it stays open for as long as it is held
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115
        if _lock(file) and _is(file, path):
            return file
        file.close()
        if time.monotonic() >= until:
            return None
        time.sleep(0.1)


def _lock(file: IO[str]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # a file system without locks
        return True
    return True


def _is(file: IO[str], path: Path) -> bool:
    """Whether the open file still has its name: a process that ends removes it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        told = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        told = ""
    return f" ({told})" if told else ""
