"""What the page holds: tables as compact arrays, pictures reduced to what a page can carry."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from PIL import Image

from ..errors import InputError
from ..segmentation.overlay import reduced

LARGEST_SIDE = 2400  # px of the picture shown: more than a screen shows, zoomed twice
REQUIRED = ("id", "p", "l11", "l21", "l22", "t1", "t2", "tile_y", "tile_x", "tile_size")
# a tile's place may be fractional and thousands of px away: float32 would lose it
PRECISE = ("tile_y", "tile_x", "tile_size")
MEASURED = (
    "centroid-0", "centroid-1", "area", "axis_major_length", "axis_minor_length", "orientation",
    "eccentricity",
)  # fmt: skip
WORDS = ("merged_from", "doubt")
OPTIONAL = ("touches_border", "overlap", "disagreement", "kept")


@dataclass
class ExplainedImage:
    """One image of the page.

    Attributes:
        name: what the chooser and the exports call it, a file's name for example; any text.
        rgb: (H, W, 3) uint8, the whole image; the page reduces it.
        nuclei: the columns of ``segmentation.result.Segmentation.nuclei``; rows of candidates under the
            threshold have the same columns and ``kept`` 0 (absent: all are kept). Measures may be NaN for
            them, and ``overlap``, ``disagreement``, ``doubt``, ``merged_from``, ``touches_border``,
            ``intensity_mean-*`` and ``*_um`` may be absent.
        warnings: sentences about the whole image, told at the page's top.
        pixel_size: µm of a row and of a column, or None.
        notes: sentences in small print, of what was done to the picture for example.
    """

    name: str
    rgb: np.ndarray
    nuclei: pd.DataFrame
    warnings: list[str] = field(default_factory=list)
    pixel_size: tuple[float, float] | None = None
    notes: list[str] = field(default_factory=list)


def image_record(image: ExplainedImage, picture_bytes: int) -> dict:
    """What the page's data block says of an image.

    Args:
        image: the image.
        picture_bytes: most bytes that its picture may take as a data URI.

    Raises:
        InputError: the pixels are not (H, W, 3) uint8, or a column is missing.
    """
    if image.rgb.ndim != 3 or image.rgb.shape[2] != 3 or image.rgb.dtype != np.uint8:
        raise InputError(
            image.name, f"has pixels of {image.rgb.shape} {image.rgb.dtype}", "give (H, W, 3) uint8"
        )
    height, width = image.rgb.shape[:2]
    uri, (shown_height, shown_width), exact = encode_picture(image.rgb, picture_bytes)
    notes = [*image.notes, *picture_note((height, width), (shown_height, shown_width), exact)]
    return {
        "name": str(image.name),
        "width": width,
        "height": height,
        "shownWidth": shown_width,
        "shownHeight": shown_height,
        "pixelSize": None if image.pixel_size is None else [float(value) for value in image.pixel_size],
        "warnings": [str(text) for text in image.warnings],
        "notes": notes,
        "count": len(image.nuclei),
        "columns": encode_table(image.nuclei, image.name),
        "picture": uri,
    }


def picture_note(size: tuple[int, int], shown: tuple[int, int], exact: bool) -> list[str]:
    """What was done to a picture of a height and width that is shown at another: a sentence, or none."""
    if shown != size:
        return [
            f"The picture is reduced here to {shown[1]} × {shown[0]} px, so that the page stays small; "
            "outlines and numbers are those of the whole image."
        ]
    return [] if exact else ["The picture is compressed here (JPEG), so that the page stays small."]


def encode_table(nuclei: pd.DataFrame, name: str = "nuclei") -> dict[str, dict]:
    """Columns as base64 of little-endian arrays, words by index; see ``decodeColumn`` in 30_model.js.

    float32 holds the parameters exactly (they are predicted so) and measures to 7 digits.

    Args:
        nuclei: see ``ExplainedImage``.
        name: whose table it is, for errors.

    Raises:
        InputError: a required column is missing.
    """
    missing = [column for column in REQUIRED if column not in nuclei]
    if missing:
        raise InputError(
            name, f"its table of nuclei lacks the column {missing[0]}", "write the results again"
        )
    columns: dict[str, dict] = {"id": _numbers(nuclei["id"], "<i4", "i4")}
    for column in nuclei.columns:
        if column in WORDS:
            columns[column] = encode_words(nuclei[column])
        elif column in PRECISE:
            columns[column] = _numbers(nuclei[column], "<f8", "f8")
        elif (
            column in (*REQUIRED[1:], *MEASURED, *OPTIONAL)
            or column.endswith(("_um", "_um2"))
            or column.startswith("intensity_mean-")
        ):
            columns[column] = _numbers(nuclei[column], "<f4", "f4")
    if "kept" not in columns:
        columns["kept"] = _numbers(pd.Series(np.ones(len(nuclei))), "<f4", "f4")
    for column in MEASURED:
        if column not in columns:
            raise InputError(
                name, f"its table of nuclei lacks the column {column}", "write the results again"
            )
    return columns


def _numbers(values: pd.Series, kind: str, code: str) -> dict[str, str]:
    array = pd.to_numeric(values).to_numpy(np.float64, na_value=np.nan).astype(kind)
    return {"type": code, "data": base64.b64encode(array.tobytes()).decode("ascii")}


def encode_words(values: pd.Series) -> dict:
    """Texts as the distinct ones and an index into them."""
    texts = ["" if pd.isna(value) else str(value) for value in values]
    distinct = sorted(set(texts))
    place = {text: index for index, text in enumerate(distinct)}
    index = pd.Series([place[text] for text in texts], dtype=np.int64)
    return {"words": distinct, "index": _numbers(index, "<i4", "i4")}


def encode_picture(rgb: np.ndarray, most: int) -> tuple[str, tuple[int, int], bool]:
    """A picture as data URI of at most ``most`` characters: as it is where it fits, else JPEG, else smaller.

    Args:
        rgb: (H, W, 3) uint8.
        most: characters.

    Returns:
        The URI, its height and width, and whether its pixels are exactly the image's.
    """
    height, width = rgb.shape[:2]
    side = max(height, width)
    # means of boxes first, at most half of what a large image is reduced by: fast, with little memory
    step = max(side // (2 * LARGEST_SIDE), 1)
    picture = Image.fromarray(reduced(rgb, step) if step > 1 else np.ascontiguousarray(rgb))
    if side <= LARGEST_SIDE:
        uri = _uri(picture, "PNG", optimize=True)
        if len(uri) <= most:
            return uri, (height, width), True
    target = min(side, LARGEST_SIDE)
    while True:
        size = max(round(width * target / side), 1), max(round(height * target / side), 1)
        whole = (0, 0, width / step, height / step)
        shown = picture
        if target != side:
            shown = picture.resize(size, Image.Resampling.LANCZOS, whole, reducing_gap=2.0)
        uri = _uri(shown, "JPEG", quality=88, subsampling=0)
        if len(uri) <= most or target <= 64:
            return uri, (size[1], size[0]), False
        target = max(int(target * min(0.9, (most / len(uri)) ** 0.5)), 64)


def _uri(picture: Image.Image, kind: str, **options: object) -> str:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
