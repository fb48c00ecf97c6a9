"""Rule restore: put published runs back into results/<dataset>/, where they were not trained."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.errors import InputError
from canonuclei.logs import log_to
from canonuclei.restore import check_restorable, is_trained, restore_run, restore_trial
from canonuclei.settings import plain
from canonuclei.verification.configuration import few
from canonuclei.verification.published import read_published
from canonuclei.verification.record import tile_digests
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    folder: Path,
    results: Path,
    settings: Mapping[str, Mapping[str, Any]],
    predictions: Mapping[str, Iterable[str]],
    trials: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Put back what is published of the configuration's runs.

    Args:
        folder: ``results/published/<dataset>``.
        results: ``results/<dataset>``; runs whose weights are there are left alone.
        settings: run → those that it would be trained by now.
        predictions: run → names of the files that hold its predictions.
        trials: those of `snakemake tuning`, name → what it would train now; put back from
            ``results/published/<dataset>-tuning``, which is a folder of its own.

    Returns:
        Names of the runs that were put back.

    Raises:
        InputError: nothing is published, or a run is of other settings or data; nothing is written then.
    """
    put_back = restore_trials(folder.with_name(f"{folder.name}-tuning") / "trials", results, trials)
    published = read_published(folder)
    if published is None:
        if put_back:
            return []
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


def restore_trials(published: Path, results: Path, trials: Mapping[str, Mapping[str, Any]]) -> int:
    """Put back the trials that are published and were not tried here; tells how many, and returns it."""
    count = 0
    for name, trial in trials.items():
        file, target = published / f"{name}.json", results / "tuning" / "trials" / f"{name}.json"
        if target.exists() or not file.is_file():
            continue
        if changed := restore_trial(file, trial, target):
            print(f"trial {name}: is published with other settings, and still to be tried: {few(changed)}")
        else:
            count += 1
    if count:
        print(f"{many(count, 'trial')}: put back from {published}")
    return count


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.params.published),
            Path(snakemake.params.results),
            {run: dict(settings) for run, settings in snakemake.params.settings.items()},
            {run: list(names) for run, names in snakemake.params.predictions.items()},
            plain(snakemake.params.trials),
        )
