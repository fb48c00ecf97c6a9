"""Tables of the published run's own README: what L_cnt and +P change, density, failures."""

from pathlib import Path
from typing import Any

import pandas as pd

from canonuclei.analysis.breakdown import by_density
from canonuclei.analysis.failures import FALSE, TRUE_KINDS
from canonuclei.analysis.page import EMPTY, LAST_STEPS, PAPER_METRICS
from canonuclei.analysis.study import UNMATCHED
from canonuclei.evaluation.aggregate import in_order
from canonuclei.evaluation.density import DENSITIES
from canonuclei.evaluation.grids import finest
from canonuclei.evaluation.lengths import differ, with_lengths, with_lengths_of_both
from canonuclei.evaluation.markdown import PAPER
from canonuclei.markdown import markdown_table

# What is told → a, b and metric of a difference; all of the finest grid
LIFTS = {
    "F1@0.5: L_cnt lifts `Ours` by": ("Ours+L_cnt", "Ours", "f1_50"),
    "the same, both with +P": ("Ours+L_cnt+P", "Ours+P", "f1_50"),
    "F1@0.5: +P lifts `Ours` by": ("Ours+P", "Ours", "f1_50"),
    "F1@0.5: +P lifts `Ours+L_cnt` by": ("Ours+L_cnt+P", "Ours+L_cnt", "f1_50"),
    "pixel IoU: L_cnt changes it by": ("Ours+L_cnt", "Ours", "iou"),
}


def failures(folder: Path) -> str:
    """Fates of the nuclei of whole images in %, medians over seeds; and how many of the least and largest
    quarter are found."""
    table = finest(in_order(with_lengths(pd.read_csv(folder / "analysis" / "failures.csv"))))
    sizes = list(dict.fromkeys(table.loc[table["by"] == "size", "group"]))
    sizes.sort(key=lambda name: float(name.replace("–", " ").split()[0]))
    ends = sizes[0], sizes[-1]
    shares = _medians(table[table["by"] == "all"], [*TRUE_KINDS, UNMATCHED, FALSE])
    for end in ends:
        shares[end] = _medians(table[(table["by"] == "size") & (table["group"] == end)], ["found"])["found"]
    heads = [*TRUE_KINDS, UNMATCHED, FALSE, *(f"found, {end} px²" for end in ends)]
    return _text(100 * shares, heads)


def density(folder: Path) -> str:
    """F1@0.5 in % by the true nuclei K of the tile, medians over seeds."""
    table = pd.read_csv(folder / "table1_by_density.csv", dtype={"k": str})
    wide, nuclei = by_density(table, LAST_STEPS, "f1_50")
    wide = wide.drop(columns=DENSITIES[0], errors="ignore")
    return _text(100 * wide, [f"K = {k} ({nuclei[k]:,})" for k in wide])


def crowding(folder: Path) -> str:
    """How far ours, with +P, are above ``Semantic+WS`` in F1@0.5 by K, in points with 95 % intervals."""
    table = pd.read_csv(folder / "differences_by_density.csv", dtype={"k": str})
    table = with_lengths_of_both(table[~differ(table)])
    merged = table["approach_a"].str.endswith("+P") & (table["approach_b"] == "Semantic+WS")
    table = table[merged & (table["metric"] == "f1_50") & (table["k"] != DENSITIES[0])]
    images = table.groupby("k", sort=False)["images"].max()
    rows = []
    for (approach, encoder, seed), group in table.groupby(["approach_a", "encoder", "seed"], sort=False):
        found = {row["k"]: row for row in group.to_dict("records")}
        cells = [_interval(found[k]) if k in found else EMPTY for k in images.index]
        rows.append([f"{approach}, {encoder}, seed {seed}", *cells])
    return markdown_table(["", *(f"K = {k} ({number:.0f} images)" for k, number in images.items())], rows)


def by_look(folder: Path) -> str:
    """Pixel IoU and F1@0.5 in %, and the count error of a tile, in each look; medians over seeds."""
    table = finest(with_lengths(pd.read_csv(folder / "table1_by_look.csv")))
    told = table["approach"].str.endswith(LAST_STEPS) & (table["supervision"] != "oracle")
    table = table[told].assign(iou=100 * table["iou"], f1_50=100 * table["f1_50"])
    looks = list(dict.fromkeys(table["look"]))
    names = {"iou": "IoU", "f1_50": "F1@0.5", "count_mae": "count error"}
    keys = ["approach", "encoder", "look"]
    wide = table.groupby(keys, dropna=False, sort=False)[list(names)].median().unstack("look")
    columns = [(name, look) for look in looks for name in names]
    return _text(wide[columns], [f"{look}: {names[name]}" for name, look in columns])


def lifts(folder: Path) -> str:
    """What L_cnt and +P change, in points with 95 % intervals: a column an encoder and seed, then the paper.

    Pairs whose two sides were trained for different lengths are left out.
    """
    table = pd.read_csv(folder / "differences.csv")
    table = table[(table["scope"] == "tile") & (table["grid_a"] == table["grid_b"]) & ~differ(table)]
    pairs = pd.Series(list(zip(table["approach_a"], table["approach_b"], table["metric"], strict=True)))
    table = with_lengths_of_both(table[pairs.isin(list(LIFTS.values())).to_numpy()])
    runs = table[["encoder", "seed"]].drop_duplicates().sort_values(["encoder", "seed"])
    told = {(row.encoder, row.seed): f"{row.encoder}, seed {row.seed:.0f}" for row in runs.itertuples()}
    rows = []
    for name, (a, b, metric) in LIFTS.items():
        pair = (table["approach_a"] == a) & (table["approach_b"] == b) & (table["metric"] == metric)
        found = {(row["encoder"], row["seed"]): row for row in table[pair].to_dict("records")}
        paper = [PAPER[side, 128][PAPER_METRICS.index(metric)] for side in (a, b)]
        cells = [_interval(found[run]) if run in found else EMPTY for run in told]
        rows.append([name, *cells, _signed(paper[0] - paper[1])])
    return markdown_table(["", *told.values(), "the paper"], rows)


def _interval(row: dict[str, Any]) -> str:
    value, low, high = (_signed(100 * row[key]) for key in ("difference", "low", "high"))
    return f"{value} ({low} to {high})"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _medians(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return table.groupby(["approach", "encoder"], dropna=False, sort=False)[names].median()


def _text(table: pd.DataFrame, heads: list[str]) -> str:
    """One row an approach and encoder, numbers with one digit."""
    rows = [
        [approach, EMPTY if pd.isna(encoder) else encoder]
        + [EMPTY if pd.isna(value) else f"{value:.1f}" for value in values]
        for (approach, encoder), values in zip(table.index, table.to_numpy(float), strict=True)
    ]
    return markdown_table(["approach", "encoder", *heads], rows, 2)
