"""Rule figure1: the system, drawn from a real tile and a model's real outputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.data.tiles import read_tiles
from canonuclei.figures.figure1 import draw_figure1
from canonuclei.figures.material import choose_simple_tile, load_nuclei, with_counts
from canonuclei.figures.style import make_figure
from canonuclei.logs import log_to
from canonuclei.models.canonical import PYRAMID_CHANNELS
from canonuclei.models.encoders import ENCODERS

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    tiles_folder: str | Path,
    nuclei: Sequence[str | Path],
    outputs: Mapping[str, str | Path],
    wanted: Sequence[int] | None,
    simulated: bool,
    per_cell: int = 2,
    stride: int = 16,
) -> None:
    """Draw Figure 1.

    Args:
        tiles_folder: of the set ``test``.
        nuclei: a canonical run's table of nuclei and shape.
        outputs: format → file.
        wanted: numbers of the tiles to show, or None.
        simulated: whether the images are.
        per_cell: instances that the model has a cell.
        stride: px a cell.
    """
    tiles = read_tiles(tiles_folder)
    model = load_nuclei(*nuclei)
    encoder = ENCODERS.get(model.encoder)
    channels = encoder.stage_channels[-1] if encoder else None
    make_figure(
        draw_figure1,
        outputs,
        tiles=tiles,
        index=choose_simple_tile(with_counts(tiles), wanted),
        nuclei=model,
        channels=channels if stride == 16 else PYRAMID_CHANNELS,
        per_cell=per_cell,
        stride=stride,
        simulated=simulated,
    )


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.input.images).parent,
            snakemake.input.nuclei,
            dict(snakemake.output.items()),
            snakemake.params.tiles,
            snakemake.params.simulated,
            snakemake.params.per_cell,
            snakemake.params.stride,
        )
