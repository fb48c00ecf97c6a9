"""Rule f1_over_iou: F1 over the IoU threshold, a curve an approach."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from canonuclei.figures.f1_over_iou import draw_f1_over_iou
from canonuclei.figures.style import make_figure
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(curves: str | Path, outputs: Mapping[str, str | Path], simulated: bool) -> None:
    """Draw ``curves`` (f1_curves.csv) to ``outputs`` (format → file)."""
    make_figure(draw_f1_over_iou, outputs, curves=pd.read_csv(curves), simulated=simulated)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(snakemake.input[0], dict(snakemake.output.items()), snakemake.params.simulated)
