"""Faults for real: a process that is killed at a chosen point, and a small disk that is full."""

import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Audit events (PEP 578) of calls that change what is on a disk; "open" only where it may write
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def killed(action: Callable[[], object], after: int) -> bool:
    """Do ``action`` in a process of its own, which SIGKILL ends where it is about to change the disk again.

    Args:
        action: what to do.
        after: so many changes (files opened for writing, renamed, removed …) are done before.

    Returns:
        Whether it was killed; false where it had come to its end by then.
    """
    ended = _in_a_child(lambda: (kill_after(after), action()))
    assert ended in (0, -signal.SIGKILL), f"ended with {ended}"
    return ended != 0


def kill_after(changes: int, among: str = "") -> None:
    """From here on count the changes that this process makes on the disk, and SIGKILL it before the next.

    Args:
        changes: to let pass.
        among: only those of a path with this in it count.
    """
    done = 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal done
        if event == "open":
            changing = isinstance(arguments[2], int) and bool(arguments[2] & WRITING)
        else:
            changing = event in CHANGES
        if changing and among in str(arguments[0]):
            if done == changes:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1

    sys.addaudithook(watch)


def ended_in_writing(action: Callable[[], object], size: int) -> bool:
    """Do ``action`` in a process of its own, which the kernel ends in the middle of a write.

    Args:
        action: what to do.
        size: bytes, beyond which no file may grow: the write that goes beyond is cut there (SIGXFSZ).

    Returns:
        Whether it came to that.
    """

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
        action()

    ended = _in_a_child(limited)
    assert ended in (0, -signal.SIGXFSZ), f"ended with {ended}"
    return ended != 0


def _in_a_child(action: Callable[[], object]) -> int:
    """The exit code of a forked process, or minus the signal that ended it."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _bytes(path) for path in files}


def _bytes(path: Path) -> bytes:
    """A file's bytes; safetensors writes the texts of its header in any order: here they are sorted."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    if path.suffix != ".safetensors" or end > len(data):
        return data
    try:
        return (
            json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode() + data[end:]
        )
    except ValueError:  # a damaged one
        return data


def leftovers(folder: Path) -> list[str]:
    """What writing leaves if it is killed: none where all is well."""
    return [str(path) for path in folder.rglob(".*")]


@dataclass
class Disk:
    """A small disk of its own (tmpfs).

    Attributes:
        folder: where it is mounted.
    """

    folder: Path

    @property
    def free(self) -> int:
        """Bytes."""
        told = os.statvfs(self.folder)
        return told.f_bavail * told.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Fill it up but for ``leave`` bytes (in whole blocks of 4 kB)."""
        (self.folder / "filler").unlink(missing_ok=True)
        room = self.free - leave
        assert room > 0, "the disk is too small for this test"
        with open(self.folder / "filler", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, room)

    def make_room(self) -> None:
        """Take back what `fill` took."""
        (self.folder / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 8 MB; the test is skipped where none can be mounted."""
    yield from small_disk(tmp_path / "disk", 8)


def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """Mount a disk while the caller goes on."""
    folder.mkdir()
    call = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(call, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("NOT TESTED: what happens when a disk is full. There is no mount here")
    if done.returncode:
        pytest.skip(
            f"NOT TESTED: what happens when a disk is full. None can be mounted: {done.stderr.strip()}"
        )
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
