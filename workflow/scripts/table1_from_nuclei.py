"""The tables again, from the published predictions and the ground truth alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from canonuclei.errors import InputError
from canonuclei.evaluation.about import about_config
from canonuclei.evaluation.approaches import ending_of, score_run
from canonuclei.evaluation.references import score_references
from canonuclei.evaluation.scores import read_scores, write_scores
from canonuclei.evaluation.tables import write_tables
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def runs_of(published: Path) -> dict[str, list[Path]]:
    """Run → its files among the published predictions, in ``published/nuclei``."""
    runs: dict[str, list[Path]] = {}
    for file in sorted((published / "nuclei").glob("[!.]*")):
        if (ending := ending_of(file)) is not None:
            runs.setdefault(file.name.removesuffix(f".{ending}"), []).append(file)
    if not runs:
        remedy = "publish a finished run first (snakemake publish), or fetch its folder from the repository"
        raise InputError(published / "nuclei", "holds no predictions", remedy)
    return runs


def settings_of(
    published: Path, about: dict[str, Any], evaluation: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the published run says of itself in its ``config.yaml``; the given ones where it has none.

    Returns:
        As ``about.about_config`` gives it, and the section ``evaluation``.
    """
    file = published / "config.yaml"
    if not file.is_file():
        print(f"{file} is not there: schedule and evaluation are taken from the config at hand")
        return about, evaluation
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        return about_config(config), config["evaluation"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        problem = f"is no config of a run: {str(error).splitlines()[0]}"
        raise InputError(file, problem, "publish the run again: snakemake publish") from None


def main(
    published: Path,
    tiles: Path,
    whole: Path,
    folder: Path,
    about: dict[str, Any],
    evaluation: dict[str, Any],
    images: Path | None = None,
    labels: Sequence[str | Path] = (),
    processes: int = 1,
) -> None:
    """Score every published run and the references, and write scores and tables to ``folder``.

    Args:
        published: ``results/published/<dataset>``.
        tiles, whole: folders of the sets of tiles.
        folder: for the tables.
        about, evaluation: of the config at hand, for runs that were published without their own.
        images: images.csv, with the nuclei counted where there are no instance labels.
        labels: scores of other tools' label images, whose rows stand in the tables too.
        processes: to compute with.
    """
    runs = runs_of(published)
    about, evaluation = settings_of(published, about, evaluation)
    distance = evaluation["watershed_distance"]
    scores = {}
    for run, files in runs.items():
        print(f"scoring {run}", flush=True)
        scores[run] = score_run(files, tiles, whole, distance, images, processes)
    scores["references"] = score_references(tiles, distance, images, processes)
    for name, table in scores.items():
        write_scores(folder / "scores" / f"{name}.csv.gz", table)
    write_tables(
        folder,
        pd.concat([*scores.values(), read_scores(labels)], ignore_index=True),
        about,
        resamples=evaluation["bootstrap"],
        seed=evaluation["seed"],
        leave_out=evaluation["leave_out"],
    )
    print(f"the tables are in {folder}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.params.published),
            Path(snakemake.input.tiles).parent,
            Path(snakemake.input.whole).parent,
            Path(snakemake.output.table1).parent,
            snakemake.params.about,
            snakemake.params.evaluation,
            snakemake.input.images,
            snakemake.input.labels,
            snakemake.threads,
        )
