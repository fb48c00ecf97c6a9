"""All tables from the scores of all runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.evaluation.scores import read_scores
from canonuclei.evaluation.tables import write_tables
from canonuclei.logs import log_to
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(scores: list[str], folder: str | Path, about: dict[str, Any], evaluation: dict[str, Any]) -> None:
    """Write the tables of ``scores`` to ``folder``; ``evaluation`` is the config's section."""
    write_tables(
        folder,
        read_scores(scores),
        about,
        resamples=evaluation["bootstrap"],
        seed=evaluation["seed"],
        leave_out=evaluation["leave_out"],
    )
    print(f"tables of {many(len(scores), 'file')} of scores in {folder}")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            list(snakemake.input),
            Path(snakemake.output.table1).parent,
            snakemake.params.about,
            snakemake.params.evaluation,
        )
