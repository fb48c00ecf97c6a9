"""Rule `index`: read every image and mask, check them against what is expected, and list them."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canonuclei.data.folder import COLUMNS as FOLDER_COLUMNS
from canonuclei.data.folder import index_folder
from canonuclei.data.index import index_subset
from canonuclei.data.manifest import check_index, write_table
from canonuclei.data.split import SUBSETS
from canonuclei.logs import log_to
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def own(data: Mapping[str, Any], output: str | Path) -> None:
    """Write the index of images of one's own; ``data`` is that section of the config."""
    rows, warnings = index_folder(data)
    for warning in warnings:
        print(f"Note: {warning}", file=sys.stderr)
    print(f"{data['images']}: {many(len(rows), 'image')} with masks", file=sys.stderr)
    write_table(output, rows, FOLDER_COLUMNS)


def main(source: str | Path, protocol: str, expected: str | Path | None, output: str | Path) -> None:
    """Write the index of the subsets that the protocol reads."""
    rows = []
    for subset in SUBSETS[protocol]:
        start = time.monotonic()
        found = index_subset(source, subset)
        nuclei = sum(row["nuclei"] for row in found)
        seconds = time.monotonic() - start
        counted = f"{many(len(found), 'image')}, {many(nuclei, 'nucleus', 'nuclei')}"
        print(f"{subset}: {counted}, {seconds:.0f} s", file=sys.stderr)
        rows += found
    for warning in check_index(rows, source, expected):
        print(f"Warning: {warning}", file=sys.stderr)
    write_table(output, rows)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        if snakemake.params.data["kind"] == "folder":
            own(snakemake.params.data, snakemake.output[0])
        else:
            main(
                Path(snakemake.input.archives[0]).parent,
                snakemake.params.protocol,
                next(iter(snakemake.input.expected), None),
                snakemake.output[0],
            )
