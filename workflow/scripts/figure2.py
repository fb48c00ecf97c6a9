"""Rule figure2: instances of the ground truth and of our models side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.data.tiles import read_tiles
from canonuclei.figures.figure2 import draw_figure2
from canonuclei.figures.material import choose_tiles, load_nuclei, with_counts
from canonuclei.figures.style import make_figure
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    tiles_folder: str | Path,
    ours: Sequence[str | Path],
    counted: Sequence[str | Path],
    outputs: Mapping[str, str | Path],
    wanted: Sequence[int] | None,
    simulated: bool,
    epochs: Sequence[int | None] = (None, None),
) -> None:
    """Draw Figure 2.

    Args:
        tiles_folder: of the set ``test``.
        ours: table of nuclei and shape of the run without the count loss.
        counted: the same of the run with it.
        outputs: format → file; ``first``: a PNG of the first row alone.
        wanted: numbers of the tiles to show, or None.
        simulated: whether the images are.
        epochs: of the two runs, to be told.
    """
    tiles = read_tiles(tiles_folder, instances=True)
    chosen = choose_tiles(with_counts(tiles), wanted)
    models = {"ours": load_nuclei(*ours, epochs[0]), "counted": load_nuclei(*counted, epochs[1])}
    whole = {kind: path for kind, path in outputs.items() if kind != "first"}
    make_figure(draw_figure2, whole, tiles=tiles, chosen=chosen, simulated=simulated, **models)
    if "first" in outputs:
        first = {"png": outputs["first"]}
        make_figure(draw_figure2, first, tiles=tiles, chosen=chosen[:1], simulated=simulated, **models)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.input.images).parent,
            snakemake.input.ours,
            snakemake.input.counted,
            dict(snakemake.output.items()),
            snakemake.params.tiles,
            snakemake.params.simulated,
            snakemake.params.epochs,
        )
