"""Tell what became of the images; fail, with a line for each that failed, where any did."""

import sys
from typing import TYPE_CHECKING

from canonuclei.errors import InputError
from canonuclei.logs import log_to
from canonuclei.segmentation.batch import failures, read_summary

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(summary: str | None) -> None:
    """Print the failures of a summary.csv, and end with exit code 1 where there are any.

    Raises:
        InputError: no summary, since no images were named.
    """
    if summary is None:
        raise InputError("images", "no folder is named", "snakemake segment --config images=<folder>")
    rows = read_summary([summary])
    faults = failures(rows)
    print("\n".join(faults) or f"{int(rows['count'].sum())} nuclei in {len(rows)} images: {summary}")
    if faults:
        sys.exit(1)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(snakemake.input[0] if len(snakemake.input) else None)
