"""``table1.html``: the text of ``table1.md`` as a page, for the report, which cannot show Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

STYLE = """body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222 }
p { max-width: 50em } .wide { overflow-x: auto } table { border-collapse: collapse; margin: 1em 0 }
th, td { padding: .2em .7em; text-align: right; white-space: nowrap; border-bottom: 1px solid #ddd }
th { border-bottom: 2px solid #555 } .left { text-align: left } tbody tr:hover { background: #f3f6fa }"""


def html_page(text: str) -> str:
    """A page of the Markdown that ``markdown.table1_markdown`` writes, and of no more than that.

    Blocks are headings (``#``, ``##``), tables and paragraphs; within them ``**bold**`` and ```code```.
    """
    blocks = text.strip().split("\n\n")
    title = html.escape(blocks[0].lstrip("# "))
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>{STYLE}</style>'
    body = "\n".join(_block(block) for block in blocks)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _block(block: str) -> str:
    if heading := re.match(r"(#+) (.*)", block):
        level = len(heading[1])
        return f"<h{level}>{_inline(heading[2])}</h{level}>"
    if block.startswith("|"):
        return "\n".join(_table(block.splitlines()))
    return f"<p>{_inline(block)}</p>"


def _table(lines: list[str]) -> Iterator[str]:
    heads, rule, *rows = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines)
    sides = [' class="left"' if cell.startswith(":") else "" for cell in rule]
    # wider than a narrow window: scrolled by itself, by keys too
    yield '<div class="wide" tabindex="0" role="region" aria-label="table">\n<table>\n<thead>'
    yield _row("th", heads, sides)
    yield "</thead>\n<tbody>"
    yield from (_row("td", row, sides) for row in rows)
    yield "</tbody>\n</table>\n</div>"


def _row(tag: str, cells: list[str], sides: list[str]) -> str:
    pairs = zip(cells, sides, strict=True)
    return "<tr>" + "".join(f"<{tag}{side}>{_inline(cell)}</{tag}>" for cell, side in pairs) + "</tr>"


def _inline(text: str) -> str:
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(text, quote=False))
    return re.sub(r"`(.+?)`", r"<code>\1</code>", text)
