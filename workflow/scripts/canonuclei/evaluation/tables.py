"""All tables of a data set from its scores, written to one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import InputError
from ..files import atomic_path
from .aggregate import by_density, by_look, f1_curves, mean_f1_readings, mean_over_images, pooled
from .bootstrap import differences, differences_by_density, differences_by_look
from .lengths import with_epochs, with_epochs_of_both
from .markdown import table1_markdown
from .page import html_page
from .scores import TP

COMPARED = {
    "differences": differences,
    "differences_by_look": differences_by_look,
    "differences_by_density": differences_by_density,
}


def make_tables(scores: pd.DataFrame, leave_out: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """File name (without .csv) → table; scores as fractions.

    Args:
        scores: the table of scores of all approaches, over both scopes.
        leave_out: image ids that ``table1_without`` leaves out; it has no rows where none of them occurs.
    """
    tiles, whole = (scores[scores["scope"] == scope] for scope in ("tile", "whole"))
    if tiles.empty:
        raise InputError("scores", "hold no tile", "remove them: the same command scores the runs again")
    occurs = tiles["image"].isin(list(leave_out))
    return {
        "table1": pooled(tiles),
        "table1_images": mean_over_images(tiles),
        "table1_whole": pooled(whole),
        "table1_by_look": by_look(tiles),
        "table1_by_density": by_density(tiles),
        "table1_without": pooled(tiles[~occurs] if occurs.any() else tiles.iloc[:0]),
        "f1_curves": f1_curves(tiles),
        "f1_mean_readings": mean_f1_readings(tiles),
    }


def unmatched(scores: pd.DataFrame) -> dict[str, int]:
    """How many test images have no instance labels, and of how many of these the nuclei were counted.

    Returns:
        ``without_labels`` and ``counted``.
    """
    whole = scores[(scores["scope"] == "whole") & scores["predicted_nuclei"].notna() & scores[TP[0]].isna()]
    counted = whole[whole["true_nuclei"].notna()]
    return {"without_labels": whole["image"].nunique(), "counted": counted["image"].nunique()}


def write_tables(
    folder: str | Path,
    scores: pd.DataFrame,
    about: Mapping[str, Any],
    resamples: int,
    seed: int,
    leave_out: Sequence[str] = (),
) -> None:
    """Write all tables, the differences, and ``table1.md`` with the same as ``table1.html``.

    Args:
        folder: where they go.
        scores: the table of scores.
        about: of ``about.about_config``.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        leave_out: image ids scored with and without.
    """
    tables = {
        name: with_epochs(table, about["runs"]) for name, table in make_tables(scores, leave_out).items()
    }
    images = scores.loc[scores["scope"] == "tile", "image"]
    left_out = [image for image in leave_out if (images == image).any()]
    about = {**about, **unmatched(scores), "images": images.nunique(), "left_out": left_out}
    text = table1_markdown(tables, about)
    for name, compare in COMPARED.items():
        tables[name] = with_epochs_of_both(compare(scores, resamples, seed), about["runs"])
    for name, table in tables.items():
        with atomic_path(Path(folder) / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.6f")
    for name, content in (("table1.md", text), ("table1.html", html_page(text))):
        with atomic_path(Path(folder) / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
