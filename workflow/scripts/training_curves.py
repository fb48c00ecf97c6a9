"""Rule training_curves: loss terms and validation scores of every run, epoch by epoch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.figures.style import make_figure
from canonuclei.figures.training_curves import draw_training_curves
from canonuclei.logs import log_to
from canonuclei.runs import read_log

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    logs: Sequence[str | Path], outputs: Mapping[str, str | Path], labels: Mapping[str, str], simulated: bool
) -> None:
    """Draw ``logs`` (runs/<run>/log.csv) to ``outputs`` (format → file); ``labels``: variant → its name."""
    by_run = {Path(path).parent.name: read_log(path) for path in logs}
    make_figure(draw_training_curves, outputs, logs=by_run, labels=labels, simulated=simulated)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        params = snakemake.params
        main(snakemake.input, dict(snakemake.output.items()), params.labels, params.simulated)
