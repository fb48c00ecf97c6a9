"""Of rows on several grids, those on the finest."""

from __future__ import annotations

import pandas as pd


def finest(table: pd.DataFrame) -> pd.DataFrame:
    """Rows on the finest grid of a table, and those that are drawn on none (masks, references).

    Args:
        table: with ``grid``, points a side, missing where there is none.
    """
    return table[table["grid"].isna() | (table["grid"] == table["grid"].max())]
