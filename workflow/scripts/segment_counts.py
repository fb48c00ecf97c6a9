"""From the tables of all jobs: summary.csv and counts.csv."""

from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.logs import log_to
from canonuclei.segmentation.summary import read_summary, write_summary

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        write_summary(read_summary(list(snakemake.input)), Path(snakemake.output.summary).parent, alone=True)
