"""Tables of the published run's own README, beside what is said there of failures and of density."""

from pathlib import Path

import pandas as pd

from canonuclei.analysis.failures import FALSE, TRUE_KINDS
from canonuclei.analysis.study import UNMATCHED
from canonuclei.evaluation.aggregate import in_order
from canonuclei.evaluation.lengths import with_lengths
from canonuclei.markdown import markdown_table

EMPTY = "–"
LAST_STEPS = ("+P", "+WS", "Mask R-CNN")


def failures(folder: Path) -> str:
    """Fates of the nuclei of whole images in %, medians over seeds; and how many of the least and largest
    quarter are found."""
    table = _finest(in_order(with_lengths(pd.read_csv(folder / "analysis" / "failures.csv"))))
    sizes = list(dict.fromkeys(table.loc[table["by"] == "size", "group"]))
    ends = sorted(sizes, key=lambda name: float(name.replace("–", " ").split()[0]))
    ends = [ends[0], ends[-1]]
    shares = _medians(table[table["by"] == "all"], [*TRUE_KINDS, UNMATCHED, FALSE])
    for end in ends:
        shares[end] = _medians(table[table["group"] == end], ["found"])["found"]
    heads = [*TRUE_KINDS, UNMATCHED, FALSE, *(f"found, {end} px²" for end in ends)]
    return _text(100 * shares, heads)


def density(folder: Path) -> str:
    """F1@0.5 in % by the true nuclei K of the tile, medians over seeds."""
    table = _finest(with_lengths(pd.read_csv(folder / "table1_by_density.csv", dtype={"k": str})))
    told = table["approach"].str.endswith(LAST_STEPS) & (table["supervision"] != "oracle")
    table = table[told & (table["k"] != "0")]
    ranges = list(dict.fromkeys(table["k"]))
    nuclei = (table["tp"] + table["fn"]).groupby(table["k"]).max()
    table = table.assign(f1_50=100 * table["f1_50"])
    wide = table.groupby(["approach", "encoder", "k"], dropna=False, sort=False)["f1_50"].median()
    return _text(wide.unstack("k")[ranges], [f"K = {k} ({nuclei[k]:,.0f})" for k in ranges])


def _finest(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["grid"].isna() | (table["grid"] == table["grid"].max())]


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
