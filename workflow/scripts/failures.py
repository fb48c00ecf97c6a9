"""Rule failures: tables and figures of where approaches fail, and of how good their measures are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from canonuclei.analysis.examples import Example, commonest_failure, example_of, examples
from canonuclei.analysis.fate_differences import fate_differences
from canonuclei.analysis.study import TEXTS, failure_table, measurement_table
from canonuclei.evaluation.aggregate import in_order
from canonuclei.evaluation.approaches import ending_of, predictions_of
from canonuclei.evaluation.frames import GroundTruth
from canonuclei.evaluation.lengths import with_epochs, with_epochs_of_both, with_lengths
from canonuclei.evaluation.predicted import Predictions
from canonuclei.evaluation.references import otsu_predictions
from canonuclei.figures.failures import draw_failures, draw_failures_of_each
from canonuclei.figures.measurements import draw_measurements
from canonuclei.figures.style import make_figure
from canonuclei.files import atomic_path
from canonuclei.logs import log_to
from canonuclei.settings import parse_run
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

UNTRAINED = "references"  # in place of a run: Otsu's threshold


def main(
    fates: list[str],
    counts: list[str],
    shown: dict[str, Any],
    tables: dict[str, str],
    figures: dict[str, dict[str, str]],
    runs: list[dict[str, Any]],
    simulated: bool,
    resamples: int,
    seed: int,
) -> None:
    """Write them.

    Args:
        fates, counts: of the rule fates, of all runs.
        shown: what the pictures are of: ``run``, its ``epochs``, ``approach``, ``tiles``, ``whole``,
            ``distance``; ``predictions``: files of ``run``, and of every other run that has a picture.
        tables: ``failures``, ``fate_differences``, ``measurements`` → CSV.
        figures: ``failures``, ``failures_of_each``, ``measurements`` → format → file.
        runs: ``label``, ``encoder`` and ``epochs`` of each.
        simulated: whether the images are.
        resamples, seed: of the bootstrap of ``fate_differences``.
    """
    read = {
        path: pd.read_csv(path, dtype=TEXTS, keep_default_na=False, na_values=[""]) for path in fates + counts
    }
    every = pd.concat([read[path] for path in fates], ignore_index=True)
    predicted_masks = pd.concat([read[path] for path in counts], ignore_index=True)
    made = {"failures": failure_table(every, predicted_masks), "measurements": measurement_table(every)}
    made = {name: with_epochs(table, runs) for name, table in made.items()}
    compared = fate_differences(every, predicted_masks, resamples, seed)
    made["fate_differences"] = with_epochs_of_both(compared, runs)
    for name, table in made.items():
        with atomic_path(tables[name]) as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")
    truth = GroundTruth(Path(shown["tiles"]).parent)
    whole, distance = Path(shown["whole"]).parent, shown["distance"]
    files = by_run(shown["predictions"])
    approach, (_, encoder, own_seed) = shown["approach"], parse_run(shown["run"])
    whose = f"{approach}, {encoder}, seed {own_seed}, {many(shown['epochs'], 'epoch')}"
    own, own_counts = (_of_run(shown["run"], paths, read) for paths in (fates, counts))
    predictions = predictions_of(files[shown["run"]], truth, whole, distance)
    found = examples(own, own_counts, predictions, truth, approach)
    make_figure(
        draw_failures,
        figures["failures"],
        table=with_lengths(made["failures"]),
        found=found,
        whose=whose,
        simulated=simulated,
    )
    named = with_lengths(made["failures"]).assign(plain=made["failures"]["encoder"])
    told = {(row.approach, row.plain): row.encoder for row in named.dropna(subset="plain").itertuples()}
    of_each = []
    for run, paths in {**files, UNTRAINED: []}.items():
        theirs = _of_run(run, fates, read)
        predicted = (
            predictions_of(paths, truth, whole, distance) if paths else otsu_predictions(truth, distance)
        )
        of_each += worst_of_each(theirs, predicted, truth, told)
    order = list(in_order(made["failures"])["approach"])
    of_each.sort(key=lambda each: order.index(each[0]))
    make_figure(draw_failures_of_each, figures["failures_of_each"], found=of_each, simulated=simulated)
    pairs = own[(own["approach"] == approach) & (own["kind"] == "found")]
    make_figure(
        draw_measurements,
        figures["measurements"],
        pairs=pairs,
        errors=measurement_table(pairs),
        whose=whose,
        simulated=simulated,
    )


def by_run(files: Sequence[str]) -> dict[str, list[str]]:
    """Run → its files of predictions."""
    runs: dict[str, list[str]] = {}
    for file in files:
        runs.setdefault(Path(file).name.removesuffix(f".{ending_of(Path(file))}"), []).append(file)
    return runs


def worst_of_each(
    fates: pd.DataFrame, predictions: Predictions, truth: GroundTruth, told: Mapping[tuple[str, str], str]
) -> list[tuple[str, str, float, Example]]:
    """Each approach of a run with its commonest failure, as ``draw_failures_of_each`` takes it.

    Args:
        fates: of the run.
        predictions, truth: what its pictures are cut from.
        told: approach and encoder → what is said of the run, as of ``with_lengths``.
    """
    found = []
    for approach, own in fates.groupby("approach", sort=False):
        if (worst := commonest_failure(own, approach)) is not None:
            encoder = next(iter(own["encoder"].dropna()), "")
            example = example_of(worst[0], own, predictions, truth, approach)
            found.append((approach, told.get((approach, encoder), encoder), worst[1], example))
    return found


def _of_run(run: str, paths: Sequence[str], read: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    return next(read[path] for path in paths if Path(path).name.startswith(f"{run}."))


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        output = snakemake.output
        main(
            list(snakemake.input.fates),
            list(snakemake.input.counts),
            {
                **snakemake.params.shown,
                "predictions": list(snakemake.input.predictions),
                "tiles": snakemake.input.tiles,
                "whole": snakemake.input.whole,
            },
            {
                "failures": output.failures,
                "fate_differences": output.differences,
                "measurements": output.measurements,
            },
            {
                "failures": {"png": output.failures_png, "svg": output.failures_svg},
                "failures_of_each": {"png": output.of_each_png, "svg": output.of_each_svg},
                "measurements": {"png": output.measurements_png, "svg": output.measurements_svg},
            },
            list(snakemake.params.runs),
            snakemake.params.simulated,
            snakemake.params.resamples,
            snakemake.params.seed,
        )
