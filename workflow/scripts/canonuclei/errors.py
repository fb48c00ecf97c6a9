"""The one error that bad input raises: what is wrong, where, and how to mend it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What a terminal would obey, or show in another order than it is written: names of files may hold any of it
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class InputError(Exception):
    """Bad input, told in one line; control characters in it are written in words.

    Args:
        where: the file, config key or image id at fault.
        problem: what is wrong with it.
        remedy: what the user can do about it.
    """

    def __init__(self, where: str | Path, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = str(where), problem, remedy
        super().__init__(one_line(f"{where}: {problem} ({remedy})"))

    def __reduce__(self) -> tuple:
        # by default it would be made again from its one line: it could not come back from another process
        return type(self), (self.where, self.problem, self.remedy)


class DiskError(InputError):
    """A disk that is full or cannot be written: the input is as good as ever, and another time it may go."""


def one_line(text: str) -> str:
    r"""A text in one line, with ``\x1b`` and the like in words in place of control characters."""
    spaced = re.sub("[\t\n\r]+", " ", text)
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), spaced)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an InputError into one line on standard error and exit code 1, without a traceback."""
    try:
        yield
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
