"""The log of trials as a table, and as a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ..markdown import markdown_table

COLUMNS = [
    "trial",
    "base",
    "change",
    "why",
    "variant",
    "encoder",
    "seed",
    "steps",
    "training_images",
    "group",
    "images",
    "tiles",
]
COLUMNS += ["iou", "dice", "count_mae", "f1_50", "f1_mean_9", "repaired_count_mae", "repaired_f1_50"]
COLUMNS += ["repaired_f1_mean_9", "shape_whole", "shape_eccentricity", "seconds", "processor", "revision"]
EMPTY = "–"


def tuning_table(trials: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each trial and group of images.

    Args:
        trials: what ``scripts/trial.py`` writes, with ``groups``: group → scores.

    Returns:
        ``COLUMNS``; scores are fractions, count errors nuclei a tile.
    """
    rows = []
    for trial in trials:
        own = {key: trial.get(key) for key in COLUMNS} | {"change": json.dumps(trial["change"])}
        rows += [own | {"group": group} | scores for group, scores in trial["groups"].items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def tuning_markdown(table: pd.DataFrame, about: Mapping[str, Any]) -> str:
    """The page: every trial a line, each group's pixel IoU, count error and F1 beside one another.

    Args:
        table: of ``tuning_table``.
        about: the section ``tuning`` of the configuration.
    """
    groups = list(dict.fromkeys(table["group"]))
    held = "; ".join(f"*{name}*: {', '.join(values)}" for name, values in about["hold_out"].items())
    heads = ["trial", "base", "change", "steps"] + [
        f"{name}: {metric}" for name in groups for metric in ("IoU", "count error", "F1", "F1 repaired")
    ]
    lines = [
        "# Short runs of what the paper leaves open",
        f"Each trial trains `{about['variant']}` on {about['encoder']} (unless it says otherwise) and "
        f"changes one thing of the trial that it stands on. Held out of all of them, whole: {held}. Scores "
        "are in %, pooled over tiles; the count error is in nuclei a tile; *repaired* is +P (of a semantic "
        "model: plain is connected components, repaired the watershed). No test image was looked at. IoU and "
        "count error need masks and counts only; F1 needs instance labels, and a choice that it guided is "
        "one that used them.",
    ]
    shown = []
    for name, rows in table.groupby("trial", sort=False):
        first, by_group = rows.iloc[0], rows.set_index("group")
        base = EMPTY if pd.isna(first["base"]) else first["base"]
        name = name if first["encoder"] == about["encoder"] else f"{name} ({first['encoder']})"
        cells = [str(name), base, _change(json.loads(first["change"])), f"{first['steps']:,.0f}"]
        for group in groups:
            one = by_group.loc[group]
            cells += [_percent(one["iou"]), _number(one["count_mae"])]
            cells += [_percent(one["f1_50"]), _percent(one["repaired_f1_50"])]
        shown.append(cells)
    reasons = "\n".join(f"- **{name}**: {why}" for name, why in _reasons(table))
    return "\n\n".join([*lines, markdown_table(heads, shown, 3), "## Why", reasons]) + "\n"


def _reasons(table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(name, rows.iloc[0]["why"] or "") for name, rows in table.groupby("trial", sort=False)]


def _change(change: Mapping[str, Any]) -> str:
    return ", ".join(f"`{key}` {json.dumps(value)}" for key, value in change.items()) or EMPTY


def _percent(value: float | None) -> str:
    return EMPTY if value is None or pd.isna(value) else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return EMPTY if value is None or pd.isna(value) else f"{value:.2f}"
