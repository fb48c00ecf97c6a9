"""Rule tiles: cut the images of a set into tiles that can be mapped into memory."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from canonuclei.data.archives import AnnotatedImage, Archive
from canonuclei.data.tiles import cut_tiles, read_tiles
from canonuclei.errors import InputError
from canonuclei.logs import log_to

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# The set `whole` has the test images, cut with overlap, for whole images put together from tiles
WHOLE = "whole"


def images_of(source: str | Path, split: pd.DataFrame, name: str) -> Iterator[AnnotatedImage]:
    """Yield the images of a set (train, val, test or whole), subset by subset, sorted by id.

    Args:
        source: folder that holds the published files.
        split: columns image_id, subset, split.
        name: of the set.
    """
    chosen = split[split.split == ("test" if name == WHOLE else name)]
    for subset, rows in chosen.sort_values("image_id").groupby("subset"):
        with Archive(source, str(subset)) as archive:
            for image_id in rows.image_id:
                yield archive.read(image_id)


def main(
    source: str | Path,
    split_path: str | Path,
    name: str,
    folder: str | Path,
    settings: Mapping[str, Any],
    percentiles: Sequence[float],
) -> None:
    """Cut one set; ``settings`` are the config's ``tiles``, ``percentiles`` its ``input: percentiles``."""
    split = pd.read_csv(split_path, dtype=str)
    if missing := {"image_id", "subset", "split"} - set(split.columns):
        raise InputError(split_path, f"no column {min(missing)}", "remove it and run the rule `split` again")
    overlap = settings["whole_overlap"] if name == WHOLE else 0
    images = images_of(source, split, name)
    cut_tiles(
        images,
        folder,
        size=settings["size"],
        overlap=overlap,
        percentiles=percentiles,
        border=settings["border"],
    )
    table = read_tiles(folder).table
    empty = int((table.k == 0).sum())
    print(f"{name}: {len(table)} tiles of {table.image_id.nunique()} images, {empty} of them without nuclei")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.input.archives[0]).parent,
            snakemake.input.split,
            snakemake.wildcards.set,
            Path(snakemake.output.images).parent,
            snakemake.params.settings,
            snakemake.params.percentiles,
        )
