"""Files that are whole or not there: written beside their place, then renamed."""

from __future__ import annotations

import glob
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .disk import PARTIAL, disk_faults

try:
    import fcntl
except ImportError:  # Windows: leftovers of a killed process stay there
    fcntl = None

# Complete files on their way to their places, and which they are
READY, MADE = ".ready", "made.json"
# What mkstemp and mkdtemp put into a name; with the name behind it, no more than the 255 bytes of a file name
_RANDOM, _LONGEST = "?" * 8, 200


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; on success it replaces ``path``.

    The temporary name ends with that of ``path``, for writers that go by suffixes. On an error, or if the
    process dies, ``path`` is what it was before; the rename is atomic on POSIX file systems, and what it
    puts in place is on the disk by then. What a killed process left is removed when the same file is written
    again.

    Raises:
        DiskError: the disk is full, or cannot be written.
    """
    path = Path(path)
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        temporary, held = _held(lambda: _new_file(path))
        try:
            yield temporary
            # mkstemp makes 0600 files; results are to be as readable as any other file of the user
            os.chmod(temporary, 0o666 & ~_umask())
            sync(temporary)
            os.replace(temporary, path)
            _sync_names(path.parent)
        finally:
            with suppress(OSError):  # where nothing can be written, nothing can be removed
                temporary.unlink()
            _release(held)


@contextmanager
def scratch_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder beside ``path``, for a writer that makes temporary files of its own; removed in the end.

    Where a process is killed, it is removed when ``path`` is written again.
    """
    path = Path(path)
    made, held = _held(
        lambda: Path(tempfile.mkdtemp(dir=path.parent, prefix=PARTIAL, suffix=f"-{_end(path)}"))
    )
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        _release(held)


@contextmanager
def replaced_together(folder: str | Path, names: Sequence[str]) -> Iterator[Path]:
    """Give a new folder in ``folder``; on success the files in it replace those of ``folder`` as one.

    On an error, or if the process dies before all are made, ``folder`` has what it had. If it dies while they
    are put in place, ``finish_replacing`` does the rest.

    Args:
        folder: made if need be.
        names: the files that belong together, in the order in which they are put in place. Those that are not
            made are removed from ``folder``.

    Raises:
        DiskError: the disk is full, or cannot be written.
    """
    folder = Path(folder)
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        finish_replacing(folder, names)
        remove_partial(folder)
        made, held = _held(lambda: Path(tempfile.mkdtemp(dir=folder, prefix=PARTIAL)))
        try:
            os.chmod(made, 0o777 & ~_umask())
            yield made
            write_json(made / MADE, [name for name in names if (made / name).exists()])
            # from here on the new files count
            os.rename(made, folder / READY)
            finish_replacing(folder, names)
        finally:
            shutil.rmtree(made, ignore_errors=True)
            _release(held)


def finish_replacing(folder: str | Path, names: Sequence[str]) -> None:
    """Put files in place that ``replaced_together`` had completed when its process died, if there are any."""
    folder = Path(folder)
    ready = folder / READY
    if not ready.is_dir():
        return
    made = read_json(ready / MADE) if (ready / MADE).exists() else None
    # it goes last: without it, all are in place
    if made is not None:
        for name in names:
            if name not in made:
                (folder / name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                os.replace(ready / name, folder / name)
        _sync_names(folder)
        (ready / MADE).unlink(missing_ok=True)
    shutil.rmtree(ready, ignore_errors=True)


def remove_partial(folder: str | Path) -> None:
    """Remove folders of ``replaced_together`` in ``folder`` whose processes are dead."""
    for left in Path(folder).glob(PARTIAL + _RANDOM):
        held = _locked(left)
        if held is not None:
            shutil.rmtree(left, ignore_errors=True)
            _release(held)


def sync(path: str | Path) -> None:
    """Bring a file to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: no UTF-8 (UnicodeDecodeError) or no JSON (JSONDecodeError, or see `parse_json`).
    """
    return parse_json(Path(path).read_text(encoding="utf-8"))


def parse_json(text: str) -> Any:
    """What JSON text holds; a ValueError, never a RecursionError, where it is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", text[:1], 0) from None


def _sync_names(folder: Path) -> None:
    with suppress(OSError):  # some file systems know no such thing
        sync(folder)


def _new_file(path: Path) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PARTIAL, suffix=f"-{_end(path)}")
    os.close(handle)
    return Path(name)


def _held(make: Callable[[], Path]) -> tuple[Path, int | None]:
    """What ``make`` made, with a lock on it (for `_release`) that says that its process lives."""
    while True:
        path = make()
        held = _locked(path, wait=True)
        # a process that cleans up may have come between the two
        if path.exists():
            return path, held
        _release(held)


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files and folders for ``path`` whose processes are dead.

    Of this one file alone: on a file system whose locks are of one machine only, those of other files may be
    another machine's.
    """
    for left in path.parent.glob(f"{PARTIAL}{_RANDOM}-{glob.escape(_end(path))}"):
        held = _locked(left)
        if held is not None:
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
            _release(held)


def _locked(path: Path, wait: bool = False) -> int | None:
    """Open and lock a file or folder; None where that cannot be, as where another process holds it."""
    if fcntl is None:
        return None
    held = None
    try:
        # over NFS only a file that is open for writing can be locked
        held = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        return held
    except OSError:
        _release(held)
        return None


def _release(held: int | None) -> None:
    if held is not None:
        os.close(held)


def _end(path: Path) -> str:
    name = path.name
    while len(os.fsencode(name)) > _LONGEST:
        name = name[1:]
    return name


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
