"""Rule `index`: read every image and mask, check them against what is expected, and list them."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.data.index import index_subset
from canonuclei.data.manifest import check_index, write_table
from canonuclei.data.split import SUBSETS
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(source: str | Path, protocol: str, expected: str | Path | None, output: str | Path) -> None:
    """Write the index of the subsets that the protocol reads."""
    rows = []
    for subset in SUBSETS[protocol]:
        start = time.monotonic()
        found = index_subset(source, subset)
        nuclei = sum(row["nuclei"] for row in found)
        seconds = time.monotonic() - start
        print(f"{subset}: {len(found)} images, {nuclei} nuclei, {seconds:.0f} s", file=sys.stderr)
        rows += found
    for warning in check_index(rows, source, expected):
        print(f"Warning: {warning}", file=sys.stderr)
    write_table(output, rows)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.input.archives[0]).parent,
            snakemake.params.protocol,
            next(iter(snakemake.input.expected), None),
            snakemake.output[0],
        )
