"""Parts of the documents that are written from the code, between two marks: put there, or compared."""

from pathlib import Path

BEGIN, END = "<!-- {name}: begin -->", "<!-- {name}: end -->"


def replaced(text: str, name: str, new: str) -> str:
    """``text`` with what stands between the marks of ``name`` replaced."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, rest = text.split(begin)
    return f"{before}{begin}\n{new}\n{end}{rest.split(end)[1]}"


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
    document.write_text(text, encoding="utf-8")
    return 0
