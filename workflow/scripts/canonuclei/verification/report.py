"""Checks as a table on the terminal, as CSV and as Markdown, and what they come to."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..files import atomic_path
from .lines import DIFFERS, SAME, UNKNOWN, Line

COLUMNS = ("dataset", "run", "part", "status", "why")
TITLE = "Are the published results still what this code, configuration and data would make?"
_RUN_WORDS = {"settings": "its settings", "code": "the code that trains", "data": "its training data"}


def verdict(lines: Sequence[Line]) -> str:
    """What the checks of one data set come to, in a sentence."""
    broken = [line for line in lines if line.broken]
    if broken:
        parts = _listed([line.part for line in broken])
        return f"NOT WHAT IT SAYS: {parts} contradict what is told with them."
    runs = {line.run for line in lines if line.run}
    older = {line.run for line in lines if line.run and line.part == "code" and line.status == DIFFERS}
    others = _listed([line.part for line in lines if line.status == DIFFERS and line.part != "code"])
    unknown = sum(line.status == UNKNOWN for line in lines)
    if unknown == len(lines):
        return "nothing could be checked."
    counts = (
        f"{unknown} of {len(lines)} checks could not be made" if unknown else f"all {len(lines)} checks made"
    )
    if older:
        trained = f"stale: {len(older)} of {len(runs)} runs were trained by other code than this"
        return f"{trained}{f' ({others} differ too)' if others else ''}; {counts}."
    if others:
        return f"stale: {others} differ; {counts}."
    made = any(line.part == "tables" and line.status == SAME for line in lines)
    tables = ", and its tables made again are the published ones byte for byte" if made else ""
    return f"what could be checked is of this code, configuration and data{tables}; {counts}."


def failed(lines: Sequence[Line], strict: bool) -> bool:
    """Whether the call is to fail: results that contradict themselves; strictly, whatever differs."""
    return any(line.broken or (strict and line.status == DIFFERS) for line in lines)


def terminal(lines: Sequence[Line], commands: dict[str, str], width: int = 110) -> str:
    """The checks for people: runs with the same outcome share a line; a verdict first.

    Args:
        lines: of all data sets.
        commands: data set → how to make it anew, or nothing.
        width: of the terminal in characters; long reasons go on below.
    """
    text = [TITLE]
    for dataset in dict.fromkeys(line.dataset for line in lines):
        own = [line for line in lines if line.dataset == dataset]
        text += ["", f"{dataset}: {verdict(own)}"]
        rows = [(_words(part, runs, _runs_of(own)), status, why) for part, runs, status, why in _joined(own)]
        first = max(len(row[0]) for row in rows)
        second = max(len(row[1]) for row in rows)
        for what, status, why in rows:
            head = f"  {what:<{first}}  {status:<{second}}  "
            text += _wrapped(head, why, width)
        if commands.get(dataset) and any(line.status != SAME for line in own):
            text.append(f"  made anew by: {commands[dataset]}")
    return "\n".join(text)


def write_lines(lines: Sequence[Line], table: Path, page: Path) -> None:
    """``verify.csv`` and ``verify.md``."""
    rows = pd.DataFrame([[getattr(line, name) for name in COLUMNS] for line in lines], columns=list(COLUMNS))
    with atomic_path(table) as path:
        rows.to_csv(path, index=False, lineterminator="\n")
    with atomic_path(page) as path:
        path.write_text(markdown(lines), encoding="utf-8")


def markdown(lines: Sequence[Line]) -> str:
    """The checks as a page; runs with the same outcome share a line."""
    text = [f"# {TITLE}"]
    for dataset in dict.fromkeys(line.dataset for line in lines):
        own = [line for line in lines if line.dataset == dataset]
        text += ["", f"## {dataset}", "", f"{verdict(own)}", "", "| what | outcome | why |", "|---|---|---|"]
        for part, runs, status, why in _joined(own):
            cells = (_words(part, runs, _runs_of(own)), status, why)
            text.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*text, ""])


def _joined(lines: Sequence[Line]) -> list[tuple[str, list[str], str, str]]:
    """Part, runs, status and reason; runs of the same outcome together, in the order of the first."""
    found: dict[tuple[str, bool, str, str], list[str]] = {}
    for line in lines:
        found.setdefault((line.part, bool(line.run), line.status, line.why), []).append(line.run)
    order = {part: k for k, part in enumerate(dict.fromkeys((line.part, bool(line.run)) for line in lines))}
    joined = sorted(found.items(), key=lambda entry: order[entry[0][:2]])
    return [(part, runs, status, why) for (part, _, status, why), runs in joined]


def _words(part: str, runs: list[str], total: int) -> str:
    if runs == [""]:
        return part
    named = runs[0] if len(runs) == 1 else f"all {total} runs" if len(runs) == total else f"{len(runs)} runs"
    return f"{named}: {_RUN_WORDS.get(part, part)}"


def _runs_of(lines: Sequence[Line]) -> int:
    return len({line.run for line in lines if line.run})


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(parts))


def _wrapped(head: str, why: str, width: int) -> list[str]:
    if not why:
        return [head.rstrip()]
    room = max(width - len(head), 30)
    first, *rest = textwrap.wrap(why, room, break_long_words=False, break_on_hyphens=False)
    return [head + first, *(" " * len(head) + line for line in rest)]
