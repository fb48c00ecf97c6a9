"""Groups of images that no trial is trained on, and that each is scored on."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

VALIDATION = "validation"


def groups_of(table: pd.DataFrame, hold_out: Mapping[str, list[str]]) -> pd.Series:
    """The held-out group of each tile's image.

    Args:
        table: of tiles, with ``look``, ``image_height`` and ``image_width``.
        hold_out: group → looks, or sizes as height × width in px (``360x360``), of its images.

    Returns:
        (T,) names of groups, "" where the image is of none; the first group wins.
    """
    sizes = table["image_height"].astype(str) + "x" + table["image_width"].astype(str)
    group = pd.Series("", index=table.index)
    for name, values in reversed(hold_out.items()):
        group[table["look"].isin(values) | sizes.isin(values)] = name
    return group
