"""``explain.html``: one file that shows, from disk and without a network, what was found and why.

The page draws every outline itself: it holds the tables, the 88 weights of the shape and a picture of each
image. Nothing from a file's name or content is ever read as markup: data go in as JSON with ``<`` escaped,
come out as text, and a content security policy allows this one script and style by their digests alone.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sized
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from ..data.listing import printable
from ..errors import InputError
from ..files import atomic_path
from ..models.shape import ShapeMLP, shape_weights
from .data import ExplainedImage, image_record
from .fitting import finite, fitted

LARGEST_PAGE = 19_500_000  # bytes: under the 20 MB that browsers open from disk without a pause
_PICTURES = 12_000_000  # of them for pictures, shared evenly
_LEAST_PICTURE = 24_000  # below it an image cannot be recognized


def write_explain(
    path: str | Path,
    pages: Iterable[ExplainedImage],
    shape: ShapeMLP,
    about: dict[str, Any],
    number: int | None = None,
) -> None:
    """Write the page.

    Args:
        path: ``*.html``, replaced as a whole.
        pages: the images, in the order of the chooser; at least one. One is held at a time, if they are
            read one after the other.
        shape: the canonical shape of the model that found the nuclei.
        about: what the page's foot tells (model, versions …), plain JSON. Two entries are used besides:
            ``threshold`` of p(s) · p(z) (0.5 where absent), ``keep``, the least p(z) in the tables.
        number: of images; not needed where ``pages`` is a list.

    Raises:
        InputError: no image, or a table without the columns that are needed.
    """
    data = page_data(pages, shape, about, len(pages) if isinstance(pages, Sized) else number or 1)
    if not data["images"]:
        raise InputError(path, "there is no image to explain", "segment at least one image")
    with atomic_path(path) as temporary:
        temporary.write_text(page_html(data, _title(data["images"])), encoding="utf-8")


def page_data(
    pages: Iterable[ExplainedImage], shape: ShapeMLP, about: dict[str, Any], number: int
) -> dict[str, Any]:
    """The data block of the page, cut to ``LARGEST_PAGE``; its notes say what is left out."""
    threshold = float(about.get("threshold", 0.5))
    share = max(_PICTURES // max(number, 1), _LEAST_PICTURE)
    records = list(map(partial(image_record, picture_bytes=share), pages))
    records, notes = fitted(records, LARGEST_PAGE) if records else ([], [])
    lowest = min(float(about.get("keep", threshold)), threshold)
    # the shape is sampled at the least level that the threshold's slider reaches
    return {
        "threshold": threshold,
        "lowest": min(max(lowest, 0.02), 0.9),
        "shape": shape_weights(shape),
        "about": about,
        "notes": notes,
        "images": records,
    }


def page_html(data: dict[str, Any], title: str) -> str:
    """The page around its data block; see the module on what keeps hostile names inert."""
    assets = resources.files(__package__) / "assets"
    style = (assets / "explain.css").read_text(encoding="utf-8")
    names = sorted(entry.name for entry in assets.iterdir() if entry.name.endswith(".js"))
    parts = [(assets / name).read_text(encoding="utf-8") for name in names]
    # one function around all modules: nothing becomes global but what 90_main.js names
    script = '"use strict";\n(() => {\n' + "\n".join(parts) + "\n})();\n"
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    block = json.dumps(finite(data), ensure_ascii=True, separators=(",", ":"), allow_nan=False, default=str)
    fields = {
        "CSP": policy,
        "TITLE": html.escape(title),
        "STYLE": style,
        "SCRIPT": script,
        # "<" never appears in the block: no "</script>" and no "<!--" can end it
        "DATA": block.replace("<", "\\u003c"),
    }
    pieces = (assets / "explain.html").read_text(encoding="utf-8").split("@")
    # the template has @NAME@ alone: odd pieces are names, so that nothing filled in is looked at again
    return "".join(fields[piece] if index % 2 else piece for index, piece in enumerate(pieces))


def _title(records: list[dict]) -> str:
    first = printable(records[0]["name"])
    return f"{first}: nuclei" if len(records) == 1 else f"{len(records)} images: nuclei"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"
