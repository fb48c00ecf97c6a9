"""Which nuclei of a segmentation are doubtful, and why.

The thresholds were set on validation tiles, with what ``workflow/scripts/check_doubt.py`` tells of any run:
each is the loosest of those tried beyond which nuclei are right (match a true one at IoU 0.5) at most a
fourth as often as the others, with a model of little training and with one of more:

===================  ==================================  =============================
nuclei               BBBC038, 400 steps (3,741 nuclei)   the demo, tiny (375 nuclei)
===================  ==================================  =============================
all                  71 % wrong                          27 % wrong
p < 0.8              25 % of them, 93 % wrong (63 %)     6 %, 96 % (22 %)
overlap ≥ 0.5        8 %, 93 % (69 %)                    2 %, 100 % (25 %)
disagreement ≥ 0.6   31 %, 95 % (60 %)                   12 %, 83 % (19 %)
any of the three     44 %, 92 % (54 %)                   14 %, 84 % (18 %)
two or three         20 %, 97 %                          6 %, 95 %
===================  ==================================  =============================

In brackets: how many of the others are wrong. So doubt orders nuclei; a nucleus without any is not for that
right, where the model has learned little.

With the embedded model, trained far longer since (3,385 nuclei, 16 % wrong, in fp32), any of the three marks
8 % of them, of which 50 % are wrong (others 13 %). There a disagreement ≥ 0.3 would tell more: 11 %, 61 %
(10 %); but of the demo's nuclei that marks 43 %, of which 33 % are wrong. So the limit stays, and the column
is written out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

# Not below the threshold of a segmentation at a higher one: there it never speaks
UNSURE = 0.8
SHARED = 0.5
CHANGED = 0.6


def words(nuclei: pd.DataFrame) -> list[str]:
    """Why each nucleus is doubtful, for its row.

    Args:
        nuclei: ``p``, ``overlap`` and ``disagreement`` (0 … 1; NaN or no column: not asked for).

    Returns:
        (n) reasons joined by ``; ``, empty where there are none.
    """
    changed = nuclei.get("disagreement", pd.Series(np.nan, nuclei.index)).to_numpy(np.float64)
    found = []
    for p, shared, change in zip(nuclei["p"], nuclei["overlap"], changed, strict=True):
        reasons = []
        if p < UNSURE:
            reasons.append(f"the network is unsure (p = {p:.2f})")
        if shared >= SHARED:
            reasons.append(f"shares {shared:.0%} of its pixels with other nuclei")
        if change >= CHANGED:
            reasons.append(
                "not found again when the image is turned"
                if change > 0.9
                else "comes out otherwise when the image is turned"
            )
        found.append("; ".join(reasons))
    return found
