"""Rule figure3: the canonical shapes at several resolutions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.figures.figure3 import draw_figure3
from canonuclei.figures.material import load_nuclei
from canonuclei.figures.style import make_figure
from canonuclei.logs import log_to
from canonuclei.runs import read_description

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    runs: Sequence[Sequence[str | Path]],
    descriptions: Sequence[str | Path],
    outputs: Mapping[str, str | Path],
    simulated: bool,
    epochs: Sequence[int | None] = (None, None),
) -> None:
    """Draw Figure 3.

    Args:
        runs: table of nuclei and shape of each run.
        descriptions: model.json of each run, with what was measured on its shape.
        outputs: format → file.
        simulated: whether the images are.
        epochs: of the runs, to be told.
    """
    make_figure(
        draw_figure3,
        outputs,
        models=[load_nuclei(*run, length) for run, length in zip(runs, epochs, strict=True)],
        diagnostics=[read_description(path)["shape"] for path in descriptions],
        simulated=simulated,
    )


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            [snakemake.input.ours, snakemake.input.counted],
            snakemake.input.models,
            dict(snakemake.output.items()),
            snakemake.params.simulated,
            snakemake.params.epochs,
        )
