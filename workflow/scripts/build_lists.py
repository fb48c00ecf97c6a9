"""Build the committed manifest and split list from BBBC038's files: no rule, run once by a maintainer.

    python workflow/scripts/build_lists.py FOLDER

FOLDER holds the published files of stage 1 and `images.csv` (image_id, nuclei, mosaic; looks as foreground
and background), from which the mosaics come: the pixels alone don't tell them.
"""

import sys
from pathlib import Path

from canonuclei.data.index import build_manifest, index_subset
from canonuclei.data.manifest import read_table, write_table
from canonuclei.data.split import COLUMNS, SUBSETS, stage1_list
from canonuclei.errors import InputError, one_line_errors

CONFIG = Path(__file__).resolve().parents[2] / "config"


def main(source: str) -> None:
    """Write config/manifests/bbbc038.csv and config/splits/bbbc038-stage1.csv."""
    table = Path(source) / "images.csv"
    notes = {row["image_id"]: row for row in read_table(table, ("image_id", "subset", "nuclei", "mosaic"))}
    rows = [row for subset in SUBSETS["stage1"] for row in index_subset(source, subset)]
    for row in rows:
        for name in ("subset", "width", "height", "nuclei"):
            if str(row[name]) != notes.get(row["image_id"], {}).get(name):
                where = f"{table}, {row['image_id']}"
                raise InputError(where, f"{name} is not {row[name]}", "check the table")
    mosaics = {image_id: row["mosaic"] for image_id, row in notes.items()}
    manifest = build_manifest(rows, mosaics)
    write_table(CONFIG / "manifests" / "bbbc038.csv", manifest)
    write_table(CONFIG / "splits" / "bbbc038-stage1.csv", stage1_list(manifest), COLUMNS)


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1])
