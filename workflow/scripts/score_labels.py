"""Score a folder of label images from any other tool."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.evaluation.labels import score_labels
from canonuclei.evaluation.scores import write_scores
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    folder: str, name: str, tiles: str, output: str, images: str | None = None, processes: int = 1
) -> None:
    """Write the scores of the label images in ``folder``, called ``name``, on the tiles of ``tiles``."""
    scores = score_labels(folder, name, Path(tiles).parent, images, processes)
    write_scores(output, scores)
    print(f"{name}: {scores['image'].nunique()} label images of {folder}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            snakemake.params.folder,
            snakemake.wildcards.name,
            snakemake.input.tiles,
            snakemake.output[0],
            snakemake.input.counts,
            snakemake.threads,
        )
