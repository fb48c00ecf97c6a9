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
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import atomic_path
from ..models.shape import ShapeMLP, shape_weights
from .data import ExplainedImage, image_record

LARGEST_PAGE = 19_500_000  # bytes: under the 20 MB that browsers open from disk without a pause
_PICTURES = 12_000_000  # of them for pictures, shared evenly
_LEAST_PICTURE = 24_000  # below it an image cannot be recognized


def write_explain(
    path: str | Path, pages: Iterable[ExplainedImage], shape: ShapeMLP, about: dict[str, Any]
) -> None:
    """Write the page.

    Args:
        path: ``*.html``, replaced as a whole.
        pages: the images, in the order of the chooser; at least one.
        shape: the canonical shape of the model that found the nuclei.
        about: what the page's foot tells (model, versions …), plain JSON. Two entries are used besides:
            ``threshold`` of p(s) · p(z) (0.5 where absent), ``keep``, the least p(z) in the tables.

    Raises:
        InputError: no image, or a table without the columns that are needed.
    """
    pages = list(pages)
    if not pages:
        raise InputError(path, "there is no image to explain", "segment at least one image")
    data = page_data(pages, shape, about)
    with atomic_path(path) as temporary:
        temporary.write_text(page_html(data, _title(pages)), encoding="utf-8")


def page_data(pages: list[ExplainedImage], shape: ShapeMLP, about: dict[str, Any]) -> dict[str, Any]:
    """The data block of the page, cut to ``LARGEST_PAGE``.

    Where it would be larger, first the candidates under the threshold go, then images from the end; the
    page's notes say so.
    """
    threshold = float(about.get("threshold", 0.5))
    share = max(_PICTURES // len(pages), _LEAST_PICTURE)
    records, notes = [image_record(page, share) for page in pages], []
    if _bytes(records) > LARGEST_PAGE:
        notes.append("Candidates under the threshold are left out of this page, which would be too large.")
        records = [image_record(_without_candidates(page), share) for page in pages]
    sizes = [_bytes([record]) for record in records]
    fitting = sum(1 for index in range(len(sizes)) if sum(sizes[: index + 1]) <= LARGEST_PAGE)
    if fitting < len(records):
        notes.append(
            f"Only the first {max(fitting, 1)} of {len(records)} images are on this page, which would be too "
            "large; each image's own page has its nuclei."
        )
        records = records[: max(fitting, 1)]
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
    block = json.dumps(_finite(data), ensure_ascii=True, separators=(",", ":"), allow_nan=False, default=str)
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


def _title(pages: list[ExplainedImage]) -> str:
    return f"{pages[0].name}: nuclei" if len(pages) == 1 else f"{len(pages)} images: nuclei"


def _without_candidates(page: ExplainedImage) -> ExplainedImage:
    nuclei = page.nuclei
    if "kept" in nuclei:
        nuclei = nuclei[nuclei["kept"] == 1]
    return ExplainedImage(page.name, page.rgb, nuclei, page.warnings, page.pixel_size, page.notes)


def _bytes(records: list[dict]) -> int:
    return sum(len(json.dumps(_finite(record), default=str)) for record in records)


def _finite(value: Any) -> Any:
    """JSON has no NaN: None in its place, all the way down."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"
