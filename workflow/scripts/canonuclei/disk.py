"""A disk that is full or cannot be written, told in one line."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DiskError, InputError

# How temporary files and folders begin
PARTIAL = ".partial-"
FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
# Of writing itself, which names no file, and of opening, making and renaming, which name theirs
UNWRITTEN = (errno.EFBIG, errno.EIO)
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG)
_NO_FOLDER = (errno.EEXIST, errno.ENOTDIR)
MAKE_ROOM = "make room there, then give the same command again; what was there before is as it was"
# Errors of libraries that don't raise an OSError with its number: those in Rust, and NumPy's tofile
_RUST, _NUMPY = re.compile(r"\(os error (\d+)\)"), re.compile(r"\d+ requested and \d+ written")


@contextmanager
def disk_faults(path: str | Path) -> Iterator[None]:
    """Turn errors of a disk that is full, or that refuses, into one that names file, folder and free space.

    Args:
        path: that is written; of errors that are no want of room, only those of it and its folders are told.

    Raises:
        DiskError: in place of them. Other errors pass.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        fault = disk_error(error, path)
        if fault is None:
            raise
        raise fault from None


def disk_error(error: Exception, path: str | Path) -> DiskError | None:
    """What ``disk_faults`` raises in place of ``error``; None where it is not the disk's."""
    # of a file in a temporary folder, the name that it is to have
    path = Path(*(part for part in Path(path).parts if not part.startswith(PARTIAL)))
    number = _number(error)
    if number in FULL:
        return DiskError(path, f"{FULL[number]}, {_room(path)}", MAKE_ROOM)
    if number in UNWRITTEN or (number in REFUSED and _concerns(error, path)):
        # os.strerror says "File exists", and does not say where
        what = "a file lies where a folder is needed" if number in _NO_FOLDER else os.strerror(number)
        problem = f"cannot be written: {what}"
        return DiskError(path, problem, "make its folder writable, or name another")
    return None


def _number(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if told := _RUST.search(str(error)):
        return int(told[1])
    return errno.ENOSPC if isinstance(error, OSError) and _NUMPY.search(str(error)) else None


def _concerns(error: Exception, path: Path) -> bool:
    """Whether an error is of ``path``, a temporary file beside it, or a folder above, and not of an input."""
    if not isinstance(error, OSError) or error.filename is None:
        return False
    named, path = (Path(os.path.abspath(os.fsdecode(one))) for one in (error.filename, path))
    return path in (named, *named.parents) or named in path.parents or named.parent == path.parent


def _room(path: Path) -> str:
    folder = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    return f"{shutil.disk_usage(folder).free / 1e6:.1f} MB free in {folder}"
