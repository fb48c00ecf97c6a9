"""Score one run's predictions, over tiles and over whole images."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.evaluation.approaches import score_run
from canonuclei.evaluation.scores import write_scores
from canonuclei.logs import log_to
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    predictions: list[str],
    tiles: str,
    whole: str,
    distance: int,
    output: str,
    images: str | None = None,
    processes: int = 1,
) -> None:
    """Write a run's scores.

    Args:
        predictions: its files.
        tiles, whole: tiles.csv of the two sets.
        distance: px between the markers of +WS.
        output: the table of scores.
        images: images.csv, with the nuclei counted where there are no instance labels.
        processes: to compute with.
    """
    folders = Path(tiles).parent, Path(whole).parent
    scores = score_run(predictions, *folders, distance, images, processes)
    write_scores(output, scores)
    print(f"{many(len(scores), 'row')}: {', '.join(scores['approach'].unique())}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            list(snakemake.input.predictions),
            snakemake.input.tiles,
            snakemake.input.whole,
            snakemake.params.distance,
            snakemake.output[0],
            snakemake.input.images,
            snakemake.threads,
        )
