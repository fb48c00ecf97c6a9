"""Parts of the documents that are written from the code, between two marks: put there, or compared."""

from pathlib import Path

from canonuclei.errors import InputError
from canonuclei.files import atomic_path

BEGIN, END = "<!-- {name}: begin -->", "<!-- {name}: end -->"


def replaced(text: str, name: str, new: str) -> str:
    """``text`` with what stands between the marks of ``name`` replaced.

    Raises:
        InputError: the marks are not there once each, one after the other.
    """
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed) or begin in rest or end in before + after:
        raise InputError(name, "no such part", f"put {begin} and {end} once each into the document")
    return f"{before}{begin}\n{new}\n{end}{after}"


def put(document: Path, name: str, new: str, check: bool = False) -> int:
    """Write ``new`` between the marks of ``name``, or tell whether it stands there (0) or not (1).

    Args:
        document: a Markdown file with the marks.
        name: of the part.
        new: its text.
        check: only tell, write nothing.
    """
    old = document.read_text(encoding="utf-8")
    text = replaced(old, name, new)
    if check:
        return int(old != text)
    with atomic_path(document) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return 0
