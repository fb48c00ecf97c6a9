"""Text in gzip files whose bytes depend on the text alone."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from ..errors import InputError
from ..files import atomic_path

# A million nuclei take a fifth of it; a file can unpack to a thousand times its size
MOST_TEXT = 2**30


def write_gzip(path: str | Path, text: str) -> None:
    """Write UTF-8 text, atomically; no time and no file name go into the header."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(text.encode("utf-8"), compresslevel=6, mtime=0))


def read_gzip(path: str | Path, remedy: str) -> str:
    """The text of a gzip file.

    Raises:
        InputError: the file is missing, cut short, not gzip, or unpacks to more than ``MOST_TEXT`` bytes.
    """
    try:
        # read in steps: what unpacks without end is not unpacked whole before it is refused
        with gzip.open(path) as file, io.BytesIO() as content:
            while chunk := file.read(2**20):
                if content.tell() + len(chunk) > MOST_TEXT:
                    raise InputError(path, f"unpacks to more than {MOST_TEXT >> 20} MiB", remedy)
                content.write(chunk)
            return str(content.getbuffer(), "utf-8")
    except FileNotFoundError:
        raise InputError(path, "does not exist", remedy) from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(path, f"is cut short or no gzip file: {first_line(error)}", remedy) from None


def first_line(error: Exception) -> str:
    """An error's message cut to one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
