"""A rule's log: what the script says goes to the terminal's standard error and to the log file."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from .disk import disk_faults
from .errors import InputError, one_line_errors


class Tee:
    """Writes to both; the terminal's nature (isatty) is that of the first.

    The second is a log: want of room for it must cost neither the work nor the line that says so.
    """

    def __init__(self, first: TextIO, second: TextIO) -> None:
        self.first, self.second = first, second

    def write(self, text: str) -> int:
        """Write to both; redrawn lines (progress bars) stay out of the second."""
        self.first.write(text)
        if "\r" not in text:
            self.keep(text)
        return len(text)

    def keep(self, text: str) -> None:
        """Write to the second alone."""
        with suppress(OSError):
            self.second.write(text)

    def flush(self) -> None:
        """Flush both."""
        self.first.flush()
        with suppress(OSError):
            self.second.flush()

    def isatty(self) -> bool:
        """Whether the first is a terminal."""
        return self.first.isatty()

    def fileno(self) -> int:
        """File number of the first, for libraries that ask."""
        return self.first.fileno()


@contextmanager
def log_to(path: str | Path) -> Iterator[None]:
    """Send standard output and error to ``path`` as well; end on an InputError with one line and code 1."""
    with one_line_errors(), disk_faults(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 (closing it may fail, too)
    tee = Tee(sys.stderr, log)
    try:
        with redirect_stdout(tee), redirect_stderr(tee), one_line_errors():
            try:
                yield
            except InputError:
                raise
            except Exception:
                tee.keep(traceback.format_exc())
                raise
    finally:
        with suppress(OSError):
            log.close()
