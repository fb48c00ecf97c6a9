"""Rule tiles: cut the images of a set into tiles that can be mapped into memory."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from canonuclei.data.archives import AnnotatedImage, Archive
from canonuclei.data.folder import COLUMNS as FOLDER_COLUMNS
from canonuclei.data.folder import read_annotated
from canonuclei.data.folder_remarks import stitching_note
from canonuclei.data.manifest import read_table
from canonuclei.data.scaling import scale_factor
from canonuclei.data.tiles import cut_tiles, read_tiles
from canonuclei.errors import InputError
from canonuclei.logs import log_to
from canonuclei.words import many

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


def own_images(
    data: Mapping[str, Any], index: str | Path, split: pd.DataFrame, name: str
) -> Iterator[AnnotatedImage]:
    """Yield the images of a set of one's own, sorted by id; ``data`` is that section of the config."""
    chosen = set(split[split.split == ("test" if name == WHOLE else name)].image_id)
    rows = [row for row in read_table(index, FOLDER_COLUMNS) if row["image_id"] in chosen]
    return read_annotated(data, sorted(rows, key=lambda row: row["image_id"]))


def read_split(path: str | Path) -> pd.DataFrame:
    """The table of the split, all of it text: an image may be called NA or 001."""
    split = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := {"image_id", "subset", "split"} - set(split.columns):
        raise InputError(path, f"no column {min(missing)}", "remove it and run the rule `split` again")
    return split


def main(
    images: Iterator[AnnotatedImage],
    name: str,
    folder: str | Path,
    settings: Mapping[str, Any],
    percentiles: Sequence[float],
) -> None:
    """Cut one set; ``settings`` are the config's ``tiles``, ``percentiles`` its ``input: percentiles``.

    ``whole_overlap`` need be among the settings for the set ``whole`` only.
    """
    cut_tiles(
        images,
        folder,
        size=settings["size"],
        overlap=settings["whole_overlap"] if name == WHOLE else 0,
        percentiles=percentiles,
        border=settings["border"],
    )
    tiles = read_tiles(folder)
    table = tiles.table
    # by the masks: of one's own images nobody may have counted the nuclei
    empty = len(table) - sum(bool(mask.any()) for mask in tiles.masks)
    cut = f"{many(len(table), 'tile')} of {many(table.image_id.nunique(), 'image')}"
    print(f"{name}: {cut}, {empty} of them without nuclei")


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        set_name, parts = snakemake.wildcards.set, read_split(snakemake.input.split)
        if snakemake.params.data["kind"] == "folder":
            found = own_images(snakemake.params.data, snakemake.input.images, parts, set_name)
            if set_name == WHOLE:
                overlap = snakemake.params.settings["whole_overlap"]
                print(stitching_note(overlap, scale_factor(snakemake.params.data)))
        else:
            found = images_of(Path(snakemake.input.archives[0]).parent, parts, set_name)
        main(
            found,
            set_name,
            Path(snakemake.output.images).parent,
            snakemake.params.settings,
            snakemake.params.percentiles,
        )
