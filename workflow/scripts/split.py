"""Rule `split`: put each image on its side."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from canonuclei.data.manifest import read_table, write_table
from canonuclei.data.split import COLUMNS, make_split
from canonuclei.logs import log_to
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(images: str, protocol: str, listed: str | None, output: str | Path) -> None:
    """Write the split of the indexed images, sorted by subset and id."""
    rows = make_split(read_table(images, ("image_id", "subset")), protocol, listed)
    sides = Counter(row["split"] for row in rows)
    print(
        ", ".join(f"{side}: {many(sides[side], 'image')}" for side in ("train", "val", "test")),
        file=sys.stderr,
    )
    write_table(output, rows, COLUMNS)


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            snakemake.input.images,
            snakemake.params.protocol,
            next(iter(snakemake.input.list), None),
            snakemake.output[0],
        )
