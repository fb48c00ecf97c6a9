"""Rule shapes: a table and a figure of what the canonical shape became in every run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.analysis.shapes import read_shapes, shape_table
from canonuclei.evaluation.lengths import with_epochs, with_lengths
from canonuclei.figures.shapes import draw_shapes
from canonuclei.figures.style import make_figure
from canonuclei.files import atomic_path
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    shapes: Sequence[str | Path],
    table: str | Path,
    figure: dict[str, str],
    runs: Sequence[dict[str, Any]],
    start: float,
    simulated: bool,
) -> None:
    """Write them.

    Args:
        shapes: ``nuclei/<run>.shape.json`` of every run.
        table: CSV.
        figure: format → file.
        runs: ``label``, ``encoder`` and ``epochs`` of each.
        start: radius of the disc that the shapes began near, canonical units.
        simulated: whether the images are.
    """
    learned = read_shapes(shapes)
    described = with_epochs(shape_table(learned), runs)
    with atomic_path(table) as temporary:
        described.to_csv(temporary, index=False, float_format="%.6g")
    encoders = with_lengths(described)["encoder"]
    drawn = [replace(each, encoder=encoder) for each, encoder in zip(learned, encoders, strict=True)]
    make_figure(draw_shapes, figure, shapes=drawn, start=start, simulated=simulated)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            list(snakemake.input),
            snakemake.output.table,
            {"png": snakemake.output.png, "svg": snakemake.output.svg},
            list(snakemake.params.runs),
            snakemake.params.start,
            snakemake.params.simulated,
        )
