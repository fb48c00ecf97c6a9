"""Rule restore: put published runs back into results/<dataset>/, where they were not trained."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.errors import InputError
from canonuclei.logs import log_to
from canonuclei.restore import check_restorable, is_trained, restore_run
from canonuclei.verification.published import read_published
from canonuclei.verification.record import tile_digests

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    folder: Path,
    results: Path,
    settings: Mapping[str, Mapping[str, Any]],
    predictions: Mapping[str, Iterable[str]],
) -> list[str]:
    """Put back what is published of the configuration's runs.

    Args:
        folder: ``results/published/<dataset>``.
        results: ``results/<dataset>``; runs whose weights are there are left alone.
        settings: run → those that it would be trained by now.
        predictions: run → names of the files that hold its predictions.

    Returns:
        Names of the runs that were put back.

    Raises:
        InputError: nothing is published, or a run is of other settings or data; nothing is written then.
    """
    published = read_published(folder)
    if published is None:
        remedy = "publish a finished run first (snakemake publish), or fetch its folder from the repository"
        raise InputError(folder, "holds no published run", remedy)
    chosen = [run for run in settings if run in published.runs and not is_trained(results, run)]
    tiles = tile_digests(results / "tiles") if chosen else {}
    for run in chosen:
        check_restorable(published, run, settings[run], tiles)
    for run in settings:
        if run in chosen:
            restore_run(published, run, results, predictions[run])
            print(f"{run}: put back from {folder}, without weights")
        elif run in published.runs:
            print(f"{run}: was trained here and is left as it is")
        else:
            print(f"{run}: is not published; it is still to be trained")
    return chosen


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.params.published),
            Path(snakemake.params.results),
            {run: dict(settings) for run, settings in snakemake.params.settings.items()},
            {run: list(names) for run, names in snakemake.params.predictions.items()},
        )
