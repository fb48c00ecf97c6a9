"""``table1.md``: the tables beside the paper's numbers, with what keeps the two from being the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..data.looks import LOOKS
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
PAPER_EPOCHS = 50
PERCENT = {"iou": "IoU", "dice": "Dice", "f1_50": "F1@0.5", "f1_mean_10": "F1 mean (ten)",
           "f1_mean_9": "F1 mean (nine)"}  # fmt: skip
PAPER_HEADS = ["paper IoU", "paper Dice", "paper F1@0.5", "paper F1 mean"]
NOTES = """Scores are in %, each tile scored in its own cell. Pooled: sums over all tiles first, then the
ratio. F1 mean (ten) is the paper's text, the mean over IoU thresholds 0.1, 0.2 … 1.0; F1 mean (nine) leaves
out 1.0, where next to nothing matches. Count error: mean over tiles
(of whole images: over images) of |predicted − true nuclei|."""
READINGS_NOTE = """The paper's mean F1 can be read in more ways (`f1_mean_readings.csv`): *loose*, ten
thresholds with matching that is not one-to-one below 0.5; *tiles*, ten thresholds, mean over tiles, an empty
tile counted as 1."""


def table1_markdown(tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any]) -> str:
    """The text of ``table1.md``.

    Args:
        tables: ``table1``, ``table1_images``, ``table1_whole``, ``table1_by_look``, ``table1_without`` and
            ``f1_mean_readings``.
        about: of ``about.about_config``, with ``images`` (their number), ``left_out`` (ids of
            ``table1_without``) and, where images have no instance labels, ``tables.unmatched``.
    """
    parts = [f"# Table 1 on {about['dataset']}", _comparability(about), _schedule(about["runs"])]
    parts += [_start(about["runs"]), *_without_labels(about), NOTES]
    parts += ["## Pooled over tiles", _with_paper(tables["table1"])]
    parts += ["## Whole images, pooled", _plain(tables["table1_whole"])]
    parts += ["## Means over images", _plain(tables["table1_images"])]
    parts += ["## By look, pooled over tiles"]
    present = [look for look in LOOKS if (tables["table1_by_look"]["look"] == look).any()]
    absent = [look for look in LOOKS if look not in present]
    if absent:
        parts.append(f"No test image has this look, so it has no rows: {', '.join(absent)}.")
    parts.append(_plain(tables["table1_by_look"], ["approach", "look", *KEYS[1:]]))
    if about["left_out"]:
        names = ", ".join(f"`{name[:8]}…`" for name in about["left_out"])
        parts += [f"## Pooled over tiles, without {names}", _plain(tables["table1_without"])]
    parts += ["## Readings of the mean F1", READINGS_NOTE, _readings(tables["f1_mean_readings"])]
    return "\n\n".join(parts) + "\n"


def _comparability(about: Mapping[str, Any]) -> str:
    """What data these are, and whether the paper's numbers may be compared with them."""
    if about["simulated"]:
        first = (
            "**Simulated images.** None of these numbers says anything about real nuclei, and none compares "
        )
        first += "with the paper's."
    elif about["official"]:
        first = "The paper's data and split (BBBC038: 670 training, 65 validation, 106 test images)."
    else:
        first = "**Not the paper's test set or split.** The paper's numbers stand beside ours for their "
        first += "order and distance only; the values themselves do not compare."
    return f"{first} Test images: {about['images']}."


def _without_labels(about: Mapping[str, Any]) -> list[str]:
    """Why there is no F1, or not of all images; what the count error is against."""
    number, counted = about.get("without_labels", 0), about.get("counted", 0)
    if not number:
        return []
    why = "binary masks and no instance labels, so no predicted nucleus can be matched with a true one"
    if number == about["images"]:
        text = f"**No F1:** the test images have {why}; the columns of F1 are empty."
    else:
        text = f"**F1 leaves out {number} of the {about['images']} images:** these have {why}."
    if counted:
        return [f"{text} The count error of such images is against the counts given for {counted} of them, "
                "of whole images only."]  # fmt: skip
    return [f"{text} No counts were given for them either, so they have no count error."]


def _schedule(runs: Sequence[Mapping[str, Any]]) -> str:
    """How long each run was trained, the runs of one length together; shortened ones are called so."""
    lengths = _together(runs, lambda run: (run["epochs"], run["tiles_per_epoch"]))
    if set(lengths) <= {(PAPER_EPOCHS, None)}:
        return f"Every run was trained for the paper's {PAPER_EPOCHS} epochs, each of all training tiles."
    short = any(epochs < PAPER_EPOCHS or tiles for epochs, tiles in lengths)
    told = [
        f"{epochs} {'epoch' if epochs == 1 else 'epochs'} of "
        + (f"at most {tiles:,} tiles" if tiles else "all training tiles")
        + f" ({_codes(names)})"
        for (epochs, tiles), names in lengths.items()
    ]
    text = "**A shortened schedule:** " if short else "**Not the paper's schedule:** "
    text += f"{'; '.join(told)}. The paper trains for {PAPER_EPOCHS} epochs"
    if any(tiles for _, tiles in lengths):
        text += "; where a number of tiles is given, an epoch is only so many of them, drawn anew each time"
    return f"{text}."


def _start(runs: Sequence[Mapping[str, Any]]) -> str:
    """Which encoders began from ImageNet and which from nothing, and what Mask R-CNN was shown."""
    told = []
    for start, where in (("imagenet", "from ImageNet weights"), ("none", "from scratch")):
        encoders = _together([run for run in runs if run["start"] == start], lambda run: run["encoder"])
        if encoders:
            told.append(f"{where}, " + ", ".join(f"{name} ({_codes(own)})" for name, own in encoders.items()))
    text = f"Encoders began {'; '.join(told)}. The paper's encoder is ResNet-50." if told else ""
    for size, names in _together(runs, lambda run: run["input_size"]).items():
        if size is not None:
            text += f" Mask R-CNN saw each tile scaled to {size} px a side ({_codes(names)})."
    return text.strip()


def _together(
    runs: Iterable[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], Hashable]
) -> dict[Any, list[str]]:
    """Names of runs by what they share."""
    groups: dict[Any, list[str]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run["run"])
    return groups


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _with_paper(table: pd.DataFrame) -> str:
    rows = []
    for row in table.to_dict("records"):
        grid = None if pd.isna(row["grid"]) else int(row["grid"])
        paper = PAPER.get((row["approach"], grid), (None,) * 4)
        rows.append([*_cells(row, KEYS), *(_number(value) for value in paper)])
    return _table([*KEYS, *PERCENT.values(), "count error", *PAPER_HEADS], rows, len(KEYS))


def _plain(table: pd.DataFrame, keys: list[str] | None = None) -> str:
    keys = keys or KEYS
    rows = [_cells(row, keys) for row in table.to_dict("records")]
    return _table([*keys, *PERCENT.values(), "count error"], rows, len(keys))


def _readings(table: pd.DataFrame) -> str:
    names = ["f1_mean_10", "f1_mean_9", "f1_mean_10_loose", "f1_mean_10_tiles"]
    rows = [
        [*(_key(row[name]) for name in KEYS), *(_number(100 * row[name]) for name in names)]
        for row in table.to_dict("records")
    ]
    return _table([*KEYS, "ten", "nine", "ten, loose", "ten, tiles"], rows, len(KEYS))


def _cells(row: Mapping[str, object], keys: list[str]) -> list[str]:
    scores = [_number(None if pd.isna(row[name]) else 100 * row[name]) for name in PERCENT]
    return [*(_key(row[key]) for key in keys), *scores, _number(row["count_mae"])]


def _key(value: object) -> str:
    return "" if pd.isna(value) else str(value)


def _number(value: object) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.2f}"


def _table(heads: list[str], rows: list[list[str]], left: int) -> str:
    rule = [":--" if index < left else "--:" for index in range(len(heads))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, rule, *rows))
