"""Publishing: small files copied whole, stale ones gone, tables of nuclei without their measures."""

from pathlib import Path

import numpy as np
import pandas as pd

from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.rows import COLUMNS, PARAMETERS, add_measures, nuclei_table
from canonuclei.nuclei.tables import read_nuclei, write_nuclei
from canonuclei.publish import publish


def test_publish_copies_drops_measures_and_removes_what_is_stale(tmp_path: Path):
    results, published = tmp_path / "results" / "mine", tmp_path / "results" / "published" / "mine"
    (results / "nuclei").mkdir(parents=True)
    (published / "nuclei").mkdir(parents=True)
    shape = ShapeMLP(noise=0.02)
    tiles = pd.DataFrame({"image_id": ["a"], "tile_y": [0], "tile_x": [0]})
    lower, t, p = np.eye(2)[None, None] * 4.0, np.zeros((1, 1, 2)), np.array([[0.9]])
    table = nuclei_table(tiles, lower, t, p, shape)
    write_nuclei(results / "nuclei" / "run.csv.gz", table)
    (results / "table1.csv").write_text("x\n")
    for stale in ("nuclei/old.csv.gz", "README.md", "made.json"):
        (published / stale).write_text("kept?")
    files = [results / "nuclei" / "run.csv.gz", results / "table1.csv"]
    kept = publish(files, results, published)
    assert kept == [published / "nuclei" / "run.csv.gz", published / "table1.csv"]
    names = {path.relative_to(published).as_posix() for path in published.rglob("*") if path.is_file()}
    assert names == {"nuclei/run.csv.gz", "table1.csv", "README.md", "made.json"}
    again = read_nuclei(kept[0])
    assert list(again) == list(PARAMETERS)
    measured = add_measures(again, shape)
    assert list(measured) == list(COLUMNS)
    pd.testing.assert_frame_equal(measured, table)
