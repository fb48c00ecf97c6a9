"""Score what needs no training: Otsu's threshold and the oracles."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.evaluation.references import score_references
from canonuclei.evaluation.scores import write_scores
from canonuclei.logs import log_to
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(tiles: str, distance: int, output: str, images: str | None = None, processes: int = 1) -> None:
    """Write the references' scores on the tiles of ``tiles`` (tiles.csv of the set test); see evaluate.py."""
    scores = score_references(Path(tiles).parent, distance, images, processes)
    write_scores(output, scores)
    print(f"{many(len(scores), 'row')}: {', '.join(scores['approach'].unique())}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            snakemake.input.tiles,
            snakemake.params.distance,
            snakemake.output[0],
            snakemake.input.images,
            snakemake.threads,
        )
