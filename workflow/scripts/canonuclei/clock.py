"""Files from the future: with a clock that was set back, nobody can tell by the times what is newer."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from .errors import InputError

# File servers' clocks are a little ahead of ours
TOLERANCE = 10.0


def check_times(paths: Iterable[str | Path], now: float | None = None) -> None:
    """Raise an InputError if files were changed later than now.

    What is made from them would seem older than they are: Snakemake takes that for a fault once it is made,
    after hours of training perhaps, and removes it. And what is edited now would seem older than results.

    Args:
        paths: files; those that are not there are passed over.
        now: seconds since 1970; by default of the clock.
    """
    now = time.time() if now is None else now
    future = {Path(path): when for path in paths if (when := _changed(path)) > now + TOLERANCE}
    if not future:
        return
    worst = max(future, key=future.__getitem__)
    more = f" (as of {len(future) - 1} more)" if len(future) > 1 else ""
    problem = f"its time{more} is in the future: {_told(future[worst])}, and the clock says {_told(now)}"
    remedy = (
        "set the clock right; or, if it is right, give what is too new the present time: "
        f"find {shlex.quote(_folder(future, worst))} -newermt now -exec touch -d now {{}} +"
    )
    raise InputError(worst, problem, remedy)


def _changed(path: str | Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _folder(paths: Iterable[Path], worst: Path) -> str:
    """The folder that has all of them; that of the worst where it would be the whole disk."""
    common = os.path.commonpath([path.resolve().parent for path in paths])
    return common if Path(common).parent != Path(common) else str(worst.parent)


def _told(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).isoformat(sep=" ", timespec="seconds")
    except (OverflowError, ValueError, OSError):  # after the year 9999
        return f"{seconds:.0f} s after 1970"
