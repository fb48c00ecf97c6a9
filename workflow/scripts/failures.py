"""Rule failures: tables and figures of where approaches fail, and of how good their measures are."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from canonuclei.analysis.examples import examples
from canonuclei.analysis.study import TEXTS, failure_table, measurement_table
from canonuclei.evaluation.approaches import predictions_of
from canonuclei.evaluation.frames import GroundTruth
from canonuclei.evaluation.lengths import with_epochs, with_lengths
from canonuclei.figures.failures import draw_failures
from canonuclei.figures.measurements import draw_measurements
from canonuclei.figures.style import make_figure
from canonuclei.files import atomic_path
from canonuclei.logs import log_to
from canonuclei.settings import parse_run
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    fates: list[str],
    counts: list[str],
    shown: dict[str, Any],
    tables: dict[str, str],
    figures: dict[str, dict[str, str]],
    runs: list[dict[str, Any]],
    simulated: bool,
) -> None:
    """Write them.

    Args:
        fates, counts: of the rule fates, of all runs.
        shown: what the pictures are of: ``run``, its ``epochs``, ``approach``, ``predictions``, ``tiles``,
            ``whole``, ``distance``.
        tables: ``failures``, ``measurements`` → CSV.
        figures: ``failures``, ``measurements`` → format → file.
        runs: ``label``, ``encoder`` and ``epochs`` of each.
        simulated: whether the images are.
    """
    read = {
        path: pd.read_csv(path, dtype=TEXTS, keep_default_na=False, na_values=[""]) for path in fates + counts
    }
    every = pd.concat([read[path] for path in fates], ignore_index=True)
    made = {
        "failures": failure_table(every, pd.concat([read[path] for path in counts], ignore_index=True)),
        "measurements": measurement_table(every),
    }
    made = {name: with_epochs(table, runs) for name, table in made.items()}
    for name, table in made.items():
        with atomic_path(tables[name]) as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")
    own, own_counts = (
        next(read[path] for path in paths if Path(path).name.startswith(f"{shown['run']}."))
        for paths in (fates, counts)
    )
    truth = GroundTruth(Path(shown["tiles"]).parent)
    predictions = predictions_of(shown["predictions"], truth, Path(shown["whole"]).parent, shown["distance"])
    approach, (_, encoder, seed) = shown["approach"], parse_run(shown["run"])
    whose = f"{approach}, {encoder}, seed {seed}, {many(shown['epochs'], 'epoch')}"
    found = examples(own, own_counts, predictions, truth, approach)
    make_figure(
        draw_failures,
        figures["failures"],
        table=with_lengths(made["failures"]),
        found=found,
        whose=whose,
        simulated=simulated,
    )
    pairs = own[(own["approach"] == approach) & (own["kind"] == "found")]
    make_figure(
        draw_measurements,
        figures["measurements"],
        pairs=pairs,
        errors=measurement_table(pairs),
        whose=whose,
        simulated=simulated,
    )


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
            {"failures": output.failures, "measurements": output.measurements},
            {
                "failures": {"png": output.failures_png, "svg": output.failures_svg},
                "measurements": {"png": output.measurements_png, "svg": output.measurements_svg},
            },
            list(snakemake.params.runs),
            snakemake.params.simulated,
        )
