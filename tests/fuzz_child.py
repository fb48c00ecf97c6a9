"""Feeds readers spoiled files in a process of its own, whose memory and time are bounded.

    python tests/fuzz_child.py GROUP COUNT FIRST REPORT

reads COUNT files from the number FIRST on with each reader of a group, and appends to REPORT, a line of JSON
each: what it is about to read, and what became of it. By the last line whoever started it knows what killed
it; started again with the same report, it goes on behind that.
"""

import contextlib
import io
import json
import logging
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import conftest  # noqa: F401  (the library on the path)
from canonuclei.errors import InputError

GROUPS = ("pictures", "tables", "nuclei", "networks")
SECONDS = 5.0  # of the processor, for one file of some kB: a busy machine makes no hang
MEMORY = 2**30  # more than what the imports took
# Numbers of files that were once read wrong, and are always read again
FOUND = {
    "manifest": (7, 25, 541),  # a subset of another name; an empty file
    "split list": (141, 408),  # an empty file
    "masks of a run": (135,),  # scores that are a text
}


@dataclass(frozen=True)
class Reader:
    """A reader to be fed.

    Attributes:
        make: spoiled content by a random generator; and where a checksum must find it out, the number of the
            sound content as which alone it may be read.
        sound: the contents that were spoiled, by number.
        read: reads the file, asserts that what it gives is valid, and returns what can be compared.
        name: of the file.
    """

    make: Callable[[Random], tuple[bytes, int | None]]
    sound: Callable[[], list[bytes]]
    read: Callable[[Path], Any]
    name: str


class Hang(BaseException):
    """A file took too long; no ``except Exception`` hides it."""


def _out_of_time(*_: object) -> None:
    raise Hang


def outcome(reader: Reader, content: bytes, folder: Path) -> tuple[str, Any]:
    """``read`` with what was read, ``refused`` with the line, or ``fault`` with what went wrong."""
    path = folder / reader.name.partition(".")[0] / reader.name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        found = reader.read(path)
    except InputError as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        line = str(error)
        if "\n" in line or not error.remedy:
            return "fault", f"not one line with a remedy: {line!r}"
        if any(word in line for word in ("MemoryError", "llocat", "memory")):
            return "fault", f"it asked for more memory than there was: {line}"
        return "refused", line
    except Hang:
        return "fault", f"more than {SECONDS:g} s"
    except BaseException as error:
        return "fault", f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "read", found


def feed(name: str, reader: Reader, number: int, folder: Path, sound: dict[int, Any]) -> tuple[str, str]:
    """What became of one file: ``read``, ``refused`` or ``fault``, and why."""
    content, must_be = reader.make(Random(f"{name} {number}"))
    what, found = outcome(reader, content, folder)
    if what == "read" and must_be is not None:
        if must_be not in sound:
            sound[must_be] = outcome(reader, reader.sound()[must_be], folder)
        if sound[must_be] != ("read", found):
            return "fault", "changed bytes were read as something else"
    return what, "" if what == "read" else str(found)


def limit_memory(more: int) -> None:
    """Let this process have ``more`` bytes beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(group: str, count: int, first: int, report: Path) -> None:
    """See above."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _out_of_time)
    readers: dict[str, Reader] = import_module(f"fuzz_{group}").READERS
    begun = (
        {tuple(json.loads(line)[:2]) for line in report.read_text().splitlines()}
        if report.exists()
        else set()
    )
    with open(report, "a", buffering=1) as lines, tempfile.TemporaryDirectory() as folder:
        for name, reader in readers.items():
            for index, sound in enumerate(reader.sound()):
                what, found = outcome(reader, sound, Path(folder))
                assert what == "read", f"{name}: sound file {index} is {what}: {found}"
        limit_memory(MEMORY)
        for name, reader in readers.items():
            sound: dict[int, Any] = {}
            for number in sorted({*range(first, first + count), *(FOUND.get(name, ()) if not first else ())}):
                if (name, number) in begun:
                    continue
                lines.write(json.dumps([name, number, "begun", ""]) + "\n")
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    what, why = feed(name, reader, number, Path(folder), sound)
                lines.write(json.dumps([name, number, what, why[:300]]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
