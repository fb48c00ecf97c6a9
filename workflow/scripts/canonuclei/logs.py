"""A rule's log: what the script says goes to the terminal's standard error and to the log file."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

from .errors import InputError


class Tee:
    """Writes to both; the terminal's nature (isatty) is that of the first."""

    def __init__(self, first: TextIO, second: TextIO) -> None:
        self.first, self.second = first, second

    def write(self, text: str) -> int:
        """Write to both; redrawn lines (progress bars) stay out of the second."""
        self.first.write(text)
        if "\r" not in text:
            self.second.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush both."""
        self.first.flush()
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
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", buffering=1) as log:
        tee = Tee(sys.stderr, log)
        with redirect_stdout(tee), redirect_stderr(tee):
            try:
                yield
            except InputError as error:
                print(f"Error: {error}", file=sys.stderr)
                raise SystemExit(1) from None
            except Exception:
                traceback.print_exc(file=log)
                raise
