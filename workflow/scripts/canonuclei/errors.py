"""The one error that bad input raises: what is wrong, where, and how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """Bad input, told in one line.

    Args:
        where: the file, config key or image id at fault.
        problem: what is wrong with it.
        remedy: what the user can do about it.
    """

    def __init__(self, where: str | Path, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = str(where), problem, remedy
        super().__init__(f"{where}: {problem} ({remedy})")

    def __reduce__(self) -> tuple:
        # by default it would be made again from its one line: it could not come back from another process
        return type(self), (self.where, self.problem, self.remedy)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an InputError into one line on standard error and exit code 1, without a traceback."""
    try:
        yield
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
