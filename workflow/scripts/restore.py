"""Rule restore: put published runs and trials back into results/<dataset>/, where they were not made."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.errors import InputError
from canonuclei.logs import log_to
from canonuclei.provenance import file_digest
from canonuclei.restore import check_restorable, occupied, published_files, restore_run, restore_trial
from canonuclei.settings import plain
from canonuclei.tuning.trials import change_of, trial_run
from canonuclei.verification.configuration import few
from canonuclei.verification.published import read_published
from canonuclei.verification.record import tile_digests
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    folder: Path,
    results: Path,
    config: dict[str, Any],
    predictions: Mapping[str, Iterable[str]],
    encoders: Iterable[Path] = (),
) -> None:
    """Put back what is published of the configuration's runs and trials.

    Args:
        folder: ``results/published/<dataset>``; trials are in ``results/published/<dataset>-tuning``.
        results: ``results/<dataset>``; what was made there is left alone.
        config: the configuration.
        predictions: the configuration's runs → names of the files that hold their predictions.
        encoders: pretrained weights that runs begin from.

    Raises:
        InputError: nothing is published, or a run is of other settings or data, or is damaged; no run is
            put back then.
    """
    published, trials = read_published(folder), folder.with_name(f"{folder.name}-tuning") / "trials"
    found = [name for name in config["tuning"]["trials"] if (trials / f"{name}.json").is_file()]
    if published is None and not found:
        remedy = "publish a finished run first (snakemake publish), or fetch its folder from the repository"
        raise InputError(folder, "holds no published run", remedy)
    there = set() if published is None else set(published.runs) & set(predictions)
    why = {run: occupied(results, run) for run in there}
    files = {}
    if free := [run for run in predictions if run in there and not why[run]]:
        tiles = tile_digests(results / "tiles")
        starts = {path.stem: file_digest(path) for path in encoders}
        for run in free:
            check_restorable(published, run, config, tiles, starts)
            files[run] = published_files(published, run, predictions[run])
    for run in predictions:
        if run in files:
            restore_run(published, run, files[run], results)
            print(f"{run}: put back from {folder}, without weights")
        else:
            print(f"{run}: {why.get(run) or 'is not published; it is still to be trained'}")
    restore_trials(trials, found, results / "tuning" / "trials", config)


def restore_trials(published: Path, names: Iterable[str], folder: Path, config: dict[str, Any]) -> None:
    """Put back trials that were not tried here; tells how many, and which would be tried otherwise now."""
    count = 0
    for name in names:
        if (folder / f"{name}.json").exists():
            continue
        entry = config["tuning"]["trials"][name]
        about = {"base": entry.get("base"), "why": entry["why"], "change": change_of(entry)}
        changed = restore_trial(
            published / f"{name}.json",
            trial_run(config, name),
            about,
            config["tuning"]["hold_out"],
            config["evaluation"]["watershed_distance"],
            folder / f"{name}.json",
        )
        count += not changed
        if changed:
            print(f"trial {name}: is published with other settings, and still to be tried: {few(changed)}")
    if count:
        print(f"{many(count, 'trial')}: put back from {published}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.params.published),
            Path(snakemake.input[0]).parents[2],
            plain(snakemake.config),
            {run: list(names) for run, names in snakemake.params.predictions.items()},
            [Path(path) for path in snakemake.input.encoders],
        )
