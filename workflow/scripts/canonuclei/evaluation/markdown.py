"""``table1.md``: the tables beside the paper's numbers, with what keeps the two from being the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..data.looks import LOOKS
from ..markdown import markdown_table
from ..words import shortened
from .preface import legend, preface
from .scores import KEYS

# Costa et al. 2022, Table 1, in %: (approach, grid) → IoU, Dice, F1 at IoU 0.5, mean F1
PAPER = {
    ("DeepLabV3", None): (74.29, 85.25, None, None),
    ("Mask R-CNN", None): (82.15, 90.20, 78.75, 69.81),
    ("Ours", 32): (71.38, 83.30, 32.49, 34.08),
    ("Ours", 128): (72.25, 83.89, 30.55, 32.39),
    ("Ours+P", 128): (72.25, 83.89, 57.57, 51.99),
    ("Ours+L_cnt", 32): (70.60, 82.77, 65.10, 56.43),
    ("Ours+L_cnt", 128): (71.02, 83.06, 65.36, 57.00),
    ("Ours+L_cnt+P", 128): (71.02, 83.06, 68.47, 60.27),
}
PERCENT = {"iou": "IoU", "dice": "Dice", "f1_50": "F1@0.5", "f1_mean_10": "F1 mean (ten)",
           "f1_mean_9": "F1 mean (nine)"}  # fmt: skip
HEADS = {**PERCENT, "count_mae": "count error"}
PAPER_HEADS = ["paper IoU", "paper Dice", "paper F1@0.5", "paper F1 mean"]
READINGS = {"f1_mean_10": "ten", "f1_mean_9": "nine", "f1_mean_10_loose": "ten, loose",
            "f1_mean_10_tiles": "ten, tiles", "f1_50_tiles": "F1@0.5, tiles"}  # fmt: skip
READINGS_NOTE = """The paper's mean F1 can be read in more ways (`f1_mean_readings.csv`): *loose*, ten
thresholds with matching that is not one-to-one below 0.5; *tiles*, ten thresholds, mean over tiles, an empty
tile counted as 1, with the same mean of F1@0.5 beside it."""
NAME = 40  # characters of an image's name in a heading


def table1_markdown(tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any]) -> str:
    """The text of ``table1.md``: sections and columns that hold something, and no others.

    Args:
        tables: ``table1``, ``table1_images``, ``table1_whole``, ``table1_by_look``, ``table1_without`` and
            ``f1_mean_readings``.
        about: of ``about.about_config``, with ``images`` (their number), ``left_out`` (ids of
            ``table1_without``) and, where images have no instance labels, ``tables.unmatched``.
    """
    own = about["own"]
    title = f"# {'Results' if own else 'Table 1'} on {about['dataset']}"
    parts = [title, *preface(about), *_notes(tables, own)]
    if own and (rows := legend(tables["table1"]["approach"])):
        heads = ["approach", "what it is"]
        parts.append(markdown_table(heads, [[f"`{name}`", text] for name, text in rows], len(heads)))
    parts += ["## Pooled over tiles", _plain(tables["table1"]) if own else _with_paper(tables["table1"])]
    parts += ["## Whole images, pooled", _plain(tables["table1_whole"])]
    parts += ["## Means over images", _plain(tables["table1_images"])]
    parts += ["## By look, pooled over tiles", *_by_look(tables["table1_by_look"])]
    if about["left_out"]:
        names = ", ".join(f"`{_name(name)}`" for name in about["left_out"])
        parts += [f"## Pooled over tiles, without {names}", _plain(tables["table1_without"])]
    # how the paper's number is to be read is no question about images of one's own
    if not own and len(tables["f1_mean_readings"]):
        readings = _plain(tables["f1_mean_readings"], heads=READINGS)
        parts += ["## Readings of the mean F1", READINGS_NOTE, readings]
    return "\n\n".join(parts) + "\n"


def _notes(tables: Mapping[str, pd.DataFrame], own: bool) -> list[str]:
    """How to read the columns that are there."""
    tiles, whole = tables["table1"], tables["table1_whole"]
    note = "Scores are in %, each tile scored in its own cell. Pooled: sums over all tiles first, then the "
    note += "ratio."
    if tiles["grid"].notna().any():
        note += " Grid: points a side on which a tile's masks are drawn; training draws them on the coarser."
    if tiles["f1_mean_10"].notna().any():
        ten = "the mean" if own else "the paper's text, the mean"
        note += f" F1 mean (ten) is {ten} over IoU thresholds 0.1, 0.2 … 1.0; F1 mean (nine) leaves out 1.0, "
        note += "where next to nothing matches."
    over = ["tiles (of whole images: over images)"] * bool(tiles["count_mae"].notna().any())
    over += ["whole images"] * bool(whole["count_mae"].notna().any())
    if over:
        note += f" Count error: mean over {over[0]} of |predicted − true nuclei|."
    return [note]


def _by_look(table: pd.DataFrame) -> list[str]:
    """The table of the looks; none where it would be the table over all tiles again."""
    present = [look for look in LOOKS if (table["look"] == look).any()]
    if len(present) == 1:
        return [f"All test images have one look, {present[0]}: the table over all tiles is its table."]
    absent = [look for look in LOOKS if look not in present]
    said = [f"No test image has this look, so it has no rows: {', '.join(absent)}."] if absent else []
    return [*said, _plain(table, _keys(table, ["approach", "look", *KEYS[1:]]))]


def _name(image: str) -> str:
    short = shortened(image, NAME)
    return short if short == image or "…" in short else f"{short}…"


def _with_paper(table: pd.DataFrame) -> str:
    shown, keys, rows = _shown(table, HEADS), _keys(table), []
    for row in table.to_dict("records"):
        grid = None if pd.isna(row["grid"]) else int(row["grid"])
        paper = PAPER.get((row["approach"], grid), (None,) * 4)
        rows.append([*_cells(row, keys, shown), *(_number(value) for value in paper)])
    return markdown_table([*keys, *(HEADS[name] for name in shown), *PAPER_HEADS], rows, len(keys))


def _plain(table: pd.DataFrame, keys: Sequence[str] | None = None, heads: Mapping[str, str] = HEADS) -> str:
    shown, keys = _shown(table, heads), keys or _keys(table)
    rows = [_cells(row, keys, shown) for row in table.to_dict("records")]
    return markdown_table([*keys, *(heads[name] for name in shown)], rows, len(keys))


def _keys(table: pd.DataFrame, keys: Sequence[str] = KEYS) -> list[str]:
    """The columns that name a row: its epochs too, where runs of several lengths stand in one table."""
    several = "epochs" in table and table["epochs"].nunique() > 1
    return [*keys, *["epochs"] * several]


def _shown(table: pd.DataFrame, heads: Mapping[str, str]) -> list[str]:
    """The columns with a number in any row."""
    return [name for name in heads if table[name].notna().any()]


def _cells(row: Mapping[str, Any], keys: Sequence[str], shown: Sequence[str]) -> list[str]:
    scores = [
        None if pd.isna(row[name]) else row[name] * (1 if name == "count_mae" else 100) for name in shown
    ]
    return [*(_key(row[key]) for key in keys), *(_number(score) for score in scores)]


def _key(value: object) -> str:
    return "" if pd.isna(value) else str(value)


def _number(value: object) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.2f}"
