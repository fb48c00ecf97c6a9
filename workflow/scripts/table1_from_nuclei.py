"""The tables again, from the published predictions and the ground truth alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.errors import InputError
from canonuclei.evaluation.approaches import score_run
from canonuclei.evaluation.references import score_references
from canonuclei.evaluation.scores import write_scores
from canonuclei.evaluation.tables import write_tables
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ENDINGS = ("whole.rle.json.gz", "grid32.rle.json.gz", "rle.json.gz", "whole.csv.gz", "csv.gz", "shape.json")


def runs_of(published: str | Path) -> dict[str, list[Path]]:
    """Run → its files among the published predictions."""
    runs: dict[str, list[Path]] = {}
    for file in sorted(Path(published).glob("*")):
        ending = next((one for one in ENDINGS if file.name.endswith("." + one)), None)
        if ending is not None:
            runs.setdefault(file.name.removesuffix("." + ending), []).append(file)
    if not runs:
        raise InputError(published, "holds no predictions", "publish a run first: snakemake publish")
    return runs


def main(
    published: str, tiles: str, whole: str, folder: str, about: dict[str, Any], evaluation: dict[str, Any]
) -> None:
    """Score every published run and the references, and write scores and tables to ``folder``."""
    import pandas as pd

    distance = evaluation["watershed_distance"]
    test, overlapping = Path(tiles).parent, Path(whole).parent
    scores = {"references": score_references(test, distance)}
    for run, files in runs_of(published).items():
        print(f"scoring {run}", flush=True)
        scores[run] = score_run(files, test, overlapping, distance)
    for name, table in scores.items():
        write_scores(Path(folder) / "scores" / f"{name}.csv.gz", table)
    write_tables(
        folder,
        pd.concat(scores.values(), ignore_index=True),
        about,
        resamples=evaluation["bootstrap"],
        seed=evaluation["seed"],
        leave_out=evaluation["leave_out"],
    )


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            snakemake.input.published,
            snakemake.input.tiles,
            snakemake.input.whole,
            str(Path(snakemake.output.table1).parent),
            snakemake.params.about,
            snakemake.params.evaluation,
        )
