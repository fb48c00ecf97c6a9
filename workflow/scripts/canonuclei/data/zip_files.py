"""Zip archives of unknown origin, read in place and within bounds.

Nothing is ever extracted to disk. What an archive declares (members, their sizes, their names) is checked
before anything is unpacked, and unpacking stops where a member turns out to hold more than it declares.
"""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError, one_line

# The largest published member has 2 MB, an archive some 30,000 members; these only stop what would fill the
# memory, or keep the processor busy for ever
MAX_MEMBER_BYTES = 256 * 2**20
MAX_BYTES = 8 * 2**30
MAX_MEMBERS = 300_000
# Of the list of members, which zipfile reads as a whole
MAX_LIST_BYTES = 32 * 2**20
AGAIN = "get the file again; where `source` is an https address, remove it and it is downloaded anew"
_CHUNK = 2**20
_DRIVE = re.compile(r"[A-Za-z]:")


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open an archive, its members' names, kinds and declared sizes checked.

    Raises:
        InputError: cut short or no archive; more members or bytes than ``MAX_MEMBERS`` or ``MAX_BYTES``; a
            member that is there twice, is a link, or is named so that it would lie outside its folder.
    """
    try:
        with open(path, "rb") as file:
            # ZipFile's own search for its list: a file cannot tell the one this and the other that
            end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        if end is not None and end[5] > MAX_LIST_BYTES:
            raise InputError(
                path, f"its list of members has {end[5]} bytes, more than {MAX_LIST_BYTES}", AGAIN
            )
        archive = zipfile.ZipFile(path)
    except InputError:
        raise
    except Exception as error:  # BadZipFile, OSError, ValueError, struct.error, NotImplementedError …
        raise InputError(path, f"cut short or no zip archive: {_line(error)}", AGAIN) from None
    try:
        if len(archive.infolist()) % 2**16 != end[4] % 2**16:
            raise InputError(path, "cut short: its list of members is not whole", AGAIN)
        _check_members(path, archive.infolist())
    except BaseException:
        archive.close()
        raise
    return archive


def member_bytes(path: Path, archive: zipfile.ZipFile, member: str) -> bytes:
    """A member's content, its checksum verified; too big or broken ones raise an InputError."""
    return b"".join(member_chunks(path, archive, member))


def member_chunks(path: Path, archive: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """The same in parts of at most a megabyte, the checksum verified with the last."""
    where, size = f"{path}, {member}", archive.getinfo(member).file_size
    if size > MAX_MEMBER_BYTES:
        raise InputError(where, f"{size} bytes, more than {MAX_MEMBER_BYTES}", AGAIN)
    done = 0
    try:
        with archive.open(member) as file:
            # read() at once would unpack all that a member holds, and then cut it at the declared size
            while chunk := file.read(_CHUNK):
                done += len(chunk)
                yield chunk
    except Exception as error:  # zlib, zipfile, NotImplementedError, RuntimeError (encrypted), OSError…
        raise InputError(where, f"cannot be read: {_line(error)}", AGAIN) from None
    if done != size:
        raise InputError(where, f"cannot be read: {done} bytes where {size} are declared", AGAIN)


def check_name(path: Path, archive: zipfile.ZipFile, member: str) -> None:
    """Raise an InputError unless a member is called the same in the list and where it lies."""
    try:
        archive.open(member).close()
    except Exception as error:  # as above
        raise InputError(f"{path}, {member}", f"cannot be read: {_line(error)}", AGAIN) from None


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise InputError(path, f"{len(members)} members, more than {MAX_MEMBERS}", AGAIN)
    if (total := sum(each.file_size for each in members)) > MAX_BYTES:
        raise InputError(path, f"unpacks to {total} bytes, more than {MAX_BYTES}", AGAIN)
    seen: set[str] = set()
    for each in members:
        # orig_filename: zipfile cuts names at a NUL, and turns what this system separates folders by into "/"
        name, where = each.orig_filename, f"{path}, {each.orig_filename}"
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or _DRIVE.match(name):
            raise InputError(where, "member points out of the archive", AGAIN)
        if one_line(name) != name:
            raise InputError(where, "control characters in a member's name", AGAIN)
        if stat.S_ISLNK(each.external_attr >> 16):
            raise InputError(where, "member is a link", AGAIN)
        if each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # the others unpack without a bound, and no published archive has them
            raise InputError(where, "packed in another way than deflate", AGAIN)
        if each.filename in seen:
            raise InputError(where, "duplicate id: the member is there twice", AGAIN)
        seen.add(each.filename)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
