"""Names in tables that people open in a spreadsheet, which takes a cell that begins with = for a formula."""

from __future__ import annotations

import re

import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(texts: pd.Series) -> pd.Series:
    """Texts with an apostrophe before those that a spreadsheet would run (``=``, ``+``, ``-``, ``@`` …).

    Those that have apostrophes before such a sign already get one more: ``unguarded`` gives back every text.
    """
    return texts.map(lambda text: f"'{text}" if isinstance(text, str) and _FORMULA.match(text) else text)


def unguarded(texts: pd.Series) -> pd.Series:
    """What ``guarded`` was given."""
    return texts.map(
        lambda text: text[1:] if isinstance(text, str) and text[:1] == "'" and _FORMULA.match(text) else text
    )
