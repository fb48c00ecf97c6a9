"""What is left out of a page that would be too large, and the notes that say so."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from .data import encode_picture, encode_words, picture_note

_ARRAYS = {"f4": "<f4", "f8": "<f8", "i4": "<i4"}
_SMALLEST_SHARE = 0.1  # of the page for the picture of an image whose table alone is too large
_EXTRA = ("intensity_mean-", "overlap", "disagreement", "touches_border")


def fitted(records: list[dict], most: int) -> tuple[list[dict], list[str]]:
    """Records of images cut to what a page can carry.

    First the candidates under the threshold go, then images from the end. Of a single image that is still
    too large, the picture is reduced, then columns go that the outlines don't need, then the nuclei of the
    lowest p(z).

    Args:
        records: of ``data.image_record``, at least one.
        most: bytes of them all as JSON.

    Returns:
        The records that stay, and sentences for the page's notes.
    """
    if size_of(records) <= most:
        return records, []
    notes = ["Candidates under the threshold are left out of this page, which would be too large."]
    records = [_without_candidates(record) for record in records]
    total = np.cumsum([size_of(record) + 2 for record in records])
    fitting = max(int((total <= most).sum()), 1)
    if fitting < len(records):
        first = "first" if fitting == 1 else f"first {fitting}"
        those = f"{first} of {len(records)} images {'is' if fitting == 1 else 'are'}"
        notes.append(
            f"Only the {those} on this page, which would be too large; each image's own page has its nuclei."
        )
    records = records[:fitting]
    if size_of(records) > most:
        records = [_with_smaller_picture(records[0], most)]
    if size_of(records) > most:
        notes.append(
            "Intensities and other measures are left out of this page, which would be too large; nuclei.csv "
            "has them."
        )
        records = [_without_extras(records[0])]
    if size_of(records) > most:
        record = _with_fewer_nuclei(records[0], most)
        notes.append(
            f"Only the {record['count']} nuclei of the highest p of {records[0]['count']} are on this page, "
            "which would be too large; nuclei.csv has all."
        )
        records = [record]
    return records, notes


def size_of(records: Any) -> int:
    """Bytes as JSON."""
    return len(json.dumps(finite(records), default=str))


def finite(value: Any) -> Any:
    """JSON has no NaN: None in its place, all the way down."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return value


def _values(column: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(column["data"]), _ARRAYS[column["type"]])


def _chosen(record: dict, rows: np.ndarray) -> dict:
    """The record with some of its rows, by a mask."""
    columns = {}
    for name, column in record["columns"].items():
        if "words" in column:
            texts = np.array(column["words"], object)[_values(column["index"])[rows]]
            columns[name] = encode_words(pd.Series(texts, dtype=object))
        else:
            data = base64.b64encode(_values(column)[rows].tobytes()).decode("ascii")
            columns[name] = {**column, "data": data}
    return {**record, "columns": columns, "count": int(rows.sum())}


def _without_candidates(record: dict) -> dict:
    """But for those that a merged nucleus is made of, which is drawn from them."""
    columns = record["columns"]
    kept = _values(columns["kept"]) == 1
    merged = columns.get("merged_from", {"words": []})["words"]
    members = [int(number) for text in merged for number in text.split(";") if number.strip().isdecimal()]
    return _chosen(record, kept | np.isin(_values(columns["id"]), members))


def _with_smaller_picture(record: dict, most: int) -> dict:
    uri = record["picture"]
    room = max(most - (size_of([record]) - len(uri)) - 500, int(most * _SMALLEST_SHARE))
    if room >= len(uri):
        return record
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as opened:
        rgb = np.asarray(opened.convert("RGB"))
    uri, (height, width), _ = encode_picture(rgb, room)
    size = record["height"], record["width"]
    notes = [note for note in record["notes"] if note not in _notes_of(record)]
    notes += picture_note(size, (height, width), False)
    return {**record, "picture": uri, "shownHeight": height, "shownWidth": width, "notes": notes}


def _notes_of(record: dict) -> list[str]:
    size, shown = ((record[f"{a}eight"], record[f"{b}idth"]) for a, b in (("h", "w"), ("shownH", "shownW")))
    return picture_note(size, shown, False)


def _without_extras(record: dict) -> dict:
    columns = {
        name: column
        for name, column in record["columns"].items()
        if not name.startswith(_EXTRA) and not name.endswith(("_um", "_um2"))
    }
    return {**record, "columns": columns}


def _with_fewer_nuclei(record: dict, most: int) -> dict:
    p, number, total = _values(record["columns"]["p"]), record["count"], size_of([record])
    order = np.argsort(-p, kind="stable")
    table = size_of(record["columns"])
    fewer = record
    while total > most and number:
        # what is beside the table stays; a little less than its share, so that this ends soon
        number = max(min(int(number * (most - total + table) / table * 0.99), number - 1), 0)
        rows = np.zeros(len(p), bool)
        rows[order[:number]] = True
        fewer = _chosen(record, rows)
        total, table = size_of([fewer]), size_of(fewer["columns"])
    return fewer
