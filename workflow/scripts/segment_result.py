"""Tell what became of the images; fail, with a line for each that failed, where any did."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.logs import log_to
from canonuclei.segmentation.summary import failures, read_summary, undone
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(summary: str, jobs: list[str]) -> None:
    """Print the failures of a summary.csv, and end with exit code 1 where there are any.

    The tables of jobs that may come out otherwise another time are removed: the same command does them again.
    """
    rows = read_summary([summary])
    faults, again = failures(rows), undone(jobs, Path(summary).parent)
    found = many(int(rows["count"].sum()), "nucleus", "nuclei")
    print("\n".join(faults) or f"{found} in {many(len(rows), 'image')}: {summary}")
    for table in again:
        table.unlink()
    if again:
        print(f"{len(again)} jobs have images that crashed or lost results: the same command repeats them.")
    if faults or again:
        sys.exit(1)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(snakemake.input.summary, list(snakemake.input.tables))
