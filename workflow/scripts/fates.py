"""Rule fates: what became of every true nucleus of the whole test images, for one run."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.analysis.study import study
from canonuclei.evaluation.approaches import predictions_of
from canonuclei.evaluation.frames import GroundTruth
from canonuclei.evaluation.references import otsu_predictions
from canonuclei.logs import log_to
from canonuclei.nuclei.gzip_text import write_gzip

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    predictions: list[str], tiles: str, whole: str, distance: int, outputs: tuple[str, str], processes: int
) -> None:
    """Write both tables.

    Args:
        predictions: the run's files; none for Otsu's threshold with a watershed.
        tiles, whole: tiles.csv of the two sets.
        distance: px between the markers of +WS.
        outputs: ``*.csv.gz`` of the fates and of the counts of predicted masks.
        processes: to compute with.
    """
    truth = GroundTruth(Path(tiles).parent)
    predicted = (
        predictions_of(predictions, truth, Path(whole).parent, distance)
        if predictions
        else otsu_predictions(truth, distance)
    )
    found = study(predicted, truth.images, processes)
    for path, table in zip(outputs, found, strict=True):
        write_gzip(path, table.to_csv(index=False, float_format="%.6g"))
    print(f"{len(found[0])} fates of nuclei in {found[1]['image'].nunique()} images")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            list(snakemake.input.predictions),
            snakemake.input.tiles,
            snakemake.input.whole,
            snakemake.params.distance,
            (snakemake.output.fates, snakemake.output.counts),
            snakemake.threads,
        )
