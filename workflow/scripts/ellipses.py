"""Rule ellipses: nuclei as ellipses with their axes on whole images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from canonuclei.data.tiles import read_tiles
from canonuclei.figures.ellipses import draw_ellipses
from canonuclei.figures.material import choose_tiles, load_nuclei, with_counts
from canonuclei.figures.style import make_figure
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ROWS = 3


def main(
    tiles_folder: str | Path,
    whole: str | Path,
    nuclei: Sequence[str | Path],
    outputs: Mapping[str, str | Path],
    wanted: Sequence[int] | None,
    simulated: bool,
) -> None:
    """Draw the ellipses.

    Args:
        tiles_folder: of the set ``test``, whose images and close-ups are shown.
        whole: tiles.csv of the set ``whole``.
        nuclei: a canonical run's table of nuclei of the set ``whole``, and its shape.
        outputs: format → file.
        wanted: numbers of the test tiles to show close up, or None.
        simulated: whether the images are.
    """
    tiles = read_tiles(tiles_folder)
    make_figure(
        draw_ellipses,
        outputs,
        tiles=tiles,
        chosen=choose_tiles(with_counts(tiles), wanted, ROWS)[:ROWS],
        whole=pd.read_csv(whole, dtype={"image_id": str}),
        nuclei=load_nuclei(*nuclei),
        simulated=simulated,
    )


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.input.images).parent,
            snakemake.input.whole,
            snakemake.input.nuclei,
            dict(snakemake.output.items()),
            snakemake.params.tiles,
            snakemake.params.simulated,
        )
