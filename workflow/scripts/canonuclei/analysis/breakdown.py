"""Parts of ``analysis.md``: by look, by the nuclei in a tile, and differences in what became of nuclei."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..evaluation.bootstrap import RIVALS
from ..evaluation.density import DENSITIES
from ..evaluation.grids import finest
from ..evaluation.lengths import differ, with_lengths, with_lengths_of_both
from ..markdown import markdown_table
from .fate_differences import EVERY, SHARES

EMPTY = "–"
LOOK_NOTE = """Differences in F1@0.5 as above, over the tiles of one look; drawn again are the images of that
look, of which some have few. All pairs and metrics are in `../differences_by_look.csv`."""
DENSITY_NOTE = """K: the true nuclei of a tile, those that its border cuts among them; in the heads, how many
nuclei such tiles have in all. Medians over seeds; all of it is in `../table1_by_density.csv`."""
DENSITY_DIFFERENCES = """Differences in F1@0.5 over the tiles of one range of K, in points, with 95 %
intervals; drawn again are the images that have such tiles. All pairs and metrics are in
`../differences_by_density.csv`."""
FATE_NOTE = """Differences a − b of these shares, in points, with 95 % intervals (as above, but over whole
images): the first five are of the true nuclei, the last two of the predicted masks. All pairs are in
`fate_differences.csv`."""
FATE_LOOK_NOTE = """The same in each look by itself; drawn again are its images."""
METRICS = {"f1_50": ("F1@0.5, %", 100, 1), "count_mae": ("Count error, nuclei a tile", 1, 2)}


def difference_cells(row: Mapping[str, Any]) -> list[str]:
    """A difference of fractions in points and its interval; bold where that leaves out 0.

    Args:
        row: of differences.csv, with ``unlike`` of ``lengths.differ``: what was trained for another length
            is never bold.
    """
    value = f"{100 * row['difference']:+.1f}"
    sure = (row["low"] > 0 or row["high"] < 0) and not row["unlike"]
    interval = f"{100 * row['low']:+.1f} … {100 * row['high']:+.1f}"
    return [f"**{value}**" if sure else value, EMPTY if pd.isna(row["low"]) else interval]


def whose(row: Mapping[str, Any]) -> list[str]:
    """Encoder and seed of a row; references have none."""
    encoder, seed = row["encoder"], row["seed"]
    return [EMPTY if pd.isna(encoder) else str(encoder), EMPTY if pd.isna(seed) else f"{seed:.0f}"]


def look_parts(differences: pd.DataFrame) -> list[str]:
    """A note and a table of what our approaches, with +P, are above others in each look; or nothing.

    Args:
        differences: differences_by_look.csv.
    """
    chosen = _ours_less_rivals(differences)
    if chosen.empty:
        return []
    rows = [
        [*_pair(row), row["look"], f"{row['images']:.0f}", *difference_cells(row)]
        for row in chosen.to_dict("records")
    ]
    heads = ["a − b", "encoder", "seed", "look", "images", "difference", "95 %"]
    return ["### By look", LOOK_NOTE, markdown_table(heads, rows, 4)]


def by_density(
    table: pd.DataFrame, last_steps: Sequence[str], metric: str
) -> tuple[pd.DataFrame, dict[str, int]]:
    """A metric by the true nuclei K of a tile: of approaches but the oracles, on the finest grid.

    Args:
        table: table1_by_density.csv.
        last_steps: ends of the names of approaches.
        metric: a column of it.

    Returns:
        Medians over seeds, a row an approach and encoder (its epochs with it where they differ), a column a
        range of K in the table's order; and how many nuclei the tiles of a range have.
    """
    table = finest(with_lengths(table))
    told = table["approach"].str.endswith(tuple(last_steps)) & (table["supervision"] != "oracle")
    chosen = table[told]
    medians = chosen.groupby(["approach", "encoder", "k"], dropna=False, sort=False)[metric].median()
    nuclei = (chosen["tp"] + chosen["fn"]).groupby(chosen["k"]).max()
    wide = medians.unstack("k").reindex(columns=list(dict.fromkeys(table["k"])))
    return wide, nuclei.fillna(0).astype(int).to_dict()


def density_parts(table: pd.DataFrame, differences: pd.DataFrame, last_steps: Sequence[str]) -> list[str]:
    """A note, and for F1@0.5 and the count error a table with a column for each range of K; or nothing.

    Args:
        table: table1_by_density.csv.
        differences: differences_by_density.csv; what they say of F1@0.5 follows.
        last_steps: ends of the names of approaches to show.
    """
    parts = ["## By the number of nuclei in a tile", DENSITY_NOTE]
    for metric, (name, factor, digits) in METRICS.items():
        wide, nuclei = by_density(table, last_steps, metric)
        if wide.empty or len(wide.columns) < 2:
            return []
        # without a nucleus there is none to find
        wide = wide.drop(columns=[k for k in wide if metric == "f1_50" and not nuclei.get(k)])
        if wide.notna().to_numpy().any():
            rows = [
                [approach, EMPTY if pd.isna(encoder) else encoder]
                + [EMPTY if pd.isna(value) else f"{factor * value:.{digits}f}" for value in values]
                for (approach, encoder), values in zip(wide.index, wide.to_numpy(), strict=True)
            ]
            heads = [f"K = {k} ({nuclei.get(k, 0):,})" for k in wide]
            parts += [f"{name}:", markdown_table(["approach", "encoder", *heads], rows, 2)]
    return [*parts, *_differences_by_density(differences)] if len(parts) > 2 else []


def _differences_by_density(differences: pd.DataFrame) -> list[str]:
    """What our approaches, with +P, are above their rivals, a column a range of K; or nothing."""
    # without a nucleus there is none to find
    chosen = _ours_less_rivals(differences[differences["k"].astype(str) != DENSITIES[0]])
    if chosen.empty:
        return []
    images = chosen.groupby("k", sort=False)["images"].max()
    rows = _row_a_pair(chosen, "k", images.index)
    heads = [f"K = {k} ({number:.0f} images)" for k, number in images.items()]
    return [DENSITY_DIFFERENCES, markdown_table(["a − b", "encoder", "seed", *heads], rows, 3)]


def _pair(row: Mapping[str, Any]) -> list[str]:
    """The first cells of a row of differences: which, of which encoder and seed."""
    return [f"{row['approach_a']} − {row['approach_b']}", *whose(row)]


def _row_a_pair(differences: pd.DataFrame, by: str, columns: Iterable[str]) -> list[list[str]]:
    """Rows of one pair, encoder and seed: which, then its difference with its interval in each column.

    Args:
        differences: a row a pair, encoder, seed and column.
        by: the name of what tells the columns apart.
        columns: its values, in order; a pair that has none there has an empty cell.
    """
    keys, rows = ["approach_a", "approach_b", "encoder", "seed"], []
    for key, group in differences.groupby(keys, dropna=False, sort=False):
        found = {row[by]: "{} ({})".format(*difference_cells(row)) for row in group.to_dict("records")}
        cells = [found.get(column, EMPTY) for column in columns]
        rows.append([*_pair(dict(zip(keys, key, strict=True))), *cells])
    return rows


def _ours_less_rivals(differences: pd.DataFrame) -> pd.DataFrame:
    """Differences in F1@0.5 between what ends with +P and the rivals, or Ours+P."""
    merged = differences["approach_a"].str.endswith("+P")
    others = differences["approach_b"].isin([*RIVALS, "Ours+P"])
    chosen = differences[merged & others & (differences["metric"] == "f1_50")]
    return with_lengths_of_both(chosen.assign(unlike=differ(chosen)))


def fate_parts(differences: pd.DataFrame) -> list[str]:
    """A note and a table of differences in what became of the nuclei; or nothing.

    Our approaches, with +P, less others, and less themselves without +P; those with L_cnt, without +P, less
    the same without L_cnt.

    Args:
        differences: fate_differences.csv.
    """
    merged = differences["approach_a"].str.endswith("+P")
    itself = differences["approach_a"] == differences["approach_b"] + "+P"
    others = merged & (differences["approach_b"].isin([*RIVALS, "Ours+P"]) | itself)
    chosen = differences[others | (~merged & (differences["approach_b"] == "Ours"))]
    chosen = with_lengths_of_both(chosen.assign(unlike=differ(chosen)))
    if chosen.empty:
        return []
    heads = ["a − b", "encoder", "seed", *SHARES]
    of_all = _row_a_pair(chosen[chosen["look"] == EVERY], "metric", SHARES)
    parts = [FATE_NOTE, markdown_table(heads, of_all, 3)]
    of_looks = []
    for look, own in chosen[chosen["look"] != EVERY].groupby("look", sort=False):
        rows = _row_a_pair(own, "metric", SHARES)
        of_looks += [[row[0], look, *row[1:]] for row in rows]
    if of_looks:
        parts += [FATE_LOOK_NOTE, markdown_table(["a − b", "look", *heads[1:]], of_looks, 4)]
    return parts
