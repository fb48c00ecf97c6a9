"""Fetch the published files: resumable, checked by content, whole or not there."""

from __future__ import annotations

import csv
import http.client
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..disk import disk_error, disk_faults
from ..errors import InputError
from ..files import sync
from .rle import COLUMNS
from .zip_files import member_chunks, open_zip

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NO_NETWORK = "check the connection and run again, or set `source` to a folder that holds the files"
WRONG_ADDRESS = "check `source`"
CHUNK = 2**20
# The largest published file has 0.3 GB; this stops a server that sends without end before the disk is full
MAX_BYTES = 4 * 2**30
SAY_EVERY = 10.0  # seconds between lines on the progress


class _Retry(Exception):
    """A fault that may pass: the line of a server that is busy, a connection that was cut."""


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect that leads away from https."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        check_address(newurl)
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            # not even to this machine, which a server out there has no business with
            raise InputError(newurl, "not an https address", WRONG_ADDRESS)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    address: str,
    path: str | Path,
    check: Callable[[Path], None],
    attempts: int = 4,
    wait: float = 2.0,
    timeout: float = 60.0,
) -> None:
    """Fetch ``address`` to ``path``.

    What has come is kept in ``<path>.part``, from which the next attempt, or the next run, goes on. ``path``
    appears at once and whole, after ``check`` has passed. A resumed file that fails the check (it may have
    changed on the server meanwhile) is fetched once more from the start.

    Args:
        address: an https address; http only of this very machine, for tests.
        path: the file to make.
        check: raises an InputError when the content is not what it should be.
        attempts: how often in all, as long as the fault may pass.
        wait: seconds before the second attempt; doubles with each.
        timeout: seconds without an answer or data.

    Raises:
        InputError: no network, an address that is not there, an error page, or other content.
    """
    check_address(address)
    path = Path(path)
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    resumed = _fetch_all(address, part, attempts, wait, timeout)
    try:
        check(part)
    except InputError as error:
        part.unlink()
        if not resumed:
            raise InputError(address, f"{error.problem}, after download", WRONG_ADDRESS) from None
        print(f"{address}: the resumed file is not whole; from the start", file=sys.stderr)
        download(address, path, check, attempts, wait, timeout)
        return
    with disk_faults(path):
        sync(part)
        part.replace(path)


def check_address(address: str) -> None:
    """Refuse an address that is not https; http is allowed for this machine alone."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise InputError(address, "not an https address", WRONG_ADDRESS)


def content_check(name: str) -> Callable[[Path], None]:
    """What a published file must be, by its suffix: a sound zip of PNG images, or a solution table."""
    return check_archive if name.endswith(".zip") else check_solution


def check_archive(path: Path) -> None:
    """Raise an InputError unless the file is a zip with images whose checksums are all right."""
    with open_zip(path) as archive:
        if not any("/images/" in member for member in archive.namelist()):
            raise InputError(path, "no image as ID/images/ID.png", WRONG_ADDRESS)
        for member in archive.namelist():
            try:
                for _ in member_chunks(path, archive, member):
                    pass
            except InputError as error:
                raise InputError(path, f"broken at {member}: {error.problem}", WRONG_ADDRESS) from None


def check_solution(path: Path) -> None:
    """Raise an InputError unless the file is a table with the columns of a solution, and a row."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header, first = next(reader, []), next(reader, None)
    except (OSError, UnicodeDecodeError, csv.Error):
        header, first = [], None
    if not set(COLUMNS) <= set(header) or first is None:
        raise InputError(path, f"no table with columns {', '.join(COLUMNS)}", WRONG_ADDRESS)


def _fetch_all(address: str, part: Path, attempts: int, wait: float, timeout: float) -> bool:
    """Fetch until ``part`` is whole; returns whether anything of it came from an earlier attempt."""
    resumed = False
    for attempt in range(attempts):
        had = part.stat().st_size if part.exists() else 0
        try:
            return _fetch(address, part, had, timeout) or resumed
        except _Retry as fault:
            resumed = part.exists() and part.stat().st_size > 0
            if attempt + 1 == attempts:
                problem = f"{fault}, {attempts} attempts"
                raise InputError(address, problem, NO_NETWORK) from None
            print(f"{address}: {fault}; again in {wait:.0f} s", file=sys.stderr)
            time.sleep(wait)
            wait *= 2
    raise AssertionError("attempts < 1")


def _fetch(address: str, part: Path, had: int, timeout: float) -> bool:
    """One attempt, going on after ``had`` bytes; returns whether the server went on there."""
    headers = {"User-Agent": "canonuclei", "Accept-Encoding": "identity"}
    request = urllib.request.Request(address, headers=headers)
    if had:
        request.add_header("Range", f"bytes={had}-")
    opener = urllib.request.build_opener(_SecureRedirects)
    try:
        with opener.open(request, timeout=timeout) as response:
            if response.headers.get_content_type() == "text/html":
                raise InputError(address, "the server sent a web page instead of the file", WRONG_ADDRESS)
            begins = f"bytes {had}-"
            goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(begins)
            if response.status == 206 and not goes_on:
                part.unlink(missing_ok=True)
                raise _Retry("the server sent another part than asked for")
            _save(response, part, had if goes_on else 0)
            return goes_on
    except urllib.error.HTTPError as error:
        _refused(address, part, error)
    except (http.client.HTTPException, OSError) as error:  # OSError: URLError, timeouts, TLS, the disk
        if (fault := disk_error(error, part)) is not None:
            raise fault from None
        raise _Retry(f"no connection ({_line(error)})") from None
    return False


def _refused(address: str, part: Path, error: urllib.error.HTTPError) -> None:
    if error.code == 416:
        # The part is whole already (a run ended before the check), or longer than the file
        whole = error.headers.get("Content-Range", "").rpartition("/")[2]
        if whole == str(part.stat().st_size):
            return
        part.unlink(missing_ok=True)
        raise _Retry("the server refused to go on")
    if error.code in (408, 425, 429) or error.code >= 500:
        raise _Retry(f"the server answered {error.code} {error.reason}")
    raise InputError(address, f"the server answered {error.code} {error.reason}", WRONG_ADDRESS)


def _save(response: http.client.HTTPResponse, part: Path, had: int) -> None:
    length = response.headers.get("Content-Length")
    total = had + int(length) if length and length.isdecimal() else None
    if total is not None and total > MAX_BYTES:
        raise InputError(part, f"the server tells of {total} bytes, more than {MAX_BYTES}", WRONG_ADDRESS)
    done, said = had, time.monotonic()
    try:
        with open(part, "r+b" if had else "wb") as file:
            file.seek(had)
            while chunk := response.read1(CHUNK):
                if done == 0 and chunk.lstrip()[:1] == b"<":
                    raise InputError(part, "the server sent a web page instead of the file", WRONG_ADDRESS)
                done += len(chunk)
                if done > MAX_BYTES:
                    raise InputError(part, f"the server sends more than {MAX_BYTES} bytes", WRONG_ADDRESS)
                file.write(chunk)
                if time.monotonic() - said > SAY_EVERY:
                    said = time.monotonic()
                    _say(done, total)
    except InputError:
        part.unlink(missing_ok=True)
        raise
    if total is not None and done != total:
        raise _Retry(f"cut off after {done} of {total} bytes")


def _say(done: int, total: int | None) -> None:
    of = "" if total is None else f" of {total / 1e6:.0f}"
    print(f"{done / 1e6:.0f}{of} MB", file=sys.stderr)


def _line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "reason", error) or type(error).__name__).split())
