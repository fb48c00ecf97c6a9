"""From the tables of all jobs: summary.csv and counts.csv."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.logs import log_to
from canonuclei.segmentation.scattered import gather

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        found = snakemake.input
        gather(list(found.tables), list(found.counts), Path(snakemake.output.summary).parent)
