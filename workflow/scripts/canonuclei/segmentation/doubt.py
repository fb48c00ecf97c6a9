"""Which nuclei of a segmentation are doubtful, and why.

The thresholds were set on the test tiles of the demo (311 nuclei) and on 150 of BBBC038's stage1_test (880, a
model of 400 steps), by how many nuclei match a true one at IoU 0.5; ``workflow/scripts/check_doubt.py``
tells these shares for any run.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

# Below it 10 to 20 % of the nuclei matched, above 35 to 80 %. Not below the threshold of a segmentation at a
# higher one: there it never speaks
UNSURE = 0.8
# From here on 21 % matched where 33 % did below (demo: 45 % and 82 %)
SHARED = 0.3
# An IoU of ½ is what counts as the same nucleus; beyond it 16 % matched, below 44 % (demo: 36 % and 90 %)
CHANGED = 0.5


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
        if change > CHANGED:
            reasons.append(
                "not found again when the image is turned"
                if change > 0.9
                else "comes out otherwise when the image is turned"
            )
        found.append("; ".join(reasons))
    return found
