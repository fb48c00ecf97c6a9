"""Case of evaluation: tiles scored, from the file of nuclei to matched pairs at ten thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.tiles import TABLE
from ..evaluation.frames import GroundTruth, score
from ..evaluation.instances import TileInstances
from ..nuclei.fused import FusedShape
from ..nuclei.rows import nuclei_table, parameters
from ..nuclei.tables import read_nuclei, write_nuclei
from ..parallel import ordered_map
from .material import outputs, repeated_tiles, settings_of, trained_model
from .measure import Case
from .plain_whole import plain_evaluation

# Tiles that warm up the plain way, which scores each by itself
FEW = 20


def evaluation(material: dict[str, Any], tiles: int, processes: int) -> Case:
    """``tiles`` test tiles scored, one approach, ten thresholds.

    The fast way reads the file of nuclei and the labels; the plain way is given them.

    Args:
        material: of ``material.prepare``.
        tiles: how many.
        processes: of the fast way; the plain one is a loop.
    """
    table, truth, source = repeated_tiles(material, tiles)
    settings, shape = settings_of(material), trained_model(material).shape.eval()
    wanted, found = settings["prediction"], outputs(material)
    folder = Path(material["folder"]) / f"evaluation{tiles}"
    folder.mkdir(exist_ok=True)
    np.save(folder / "instances.npy", truth)
    table.to_csv(folder / TABLE, index=False)
    nuclei = nuclei_table(
        *(table, *(found[name][source] for name in ("lower", "t", "p")), shape),
        tile_size=truth.shape[-1],
        keep=wanted["keep_presence"],
        threshold=wanted["threshold"],
    )
    write_nuclei(folder / "nuclei.csv.gz", nuclei)
    rows = nuclei.groupby(["image", "tile_y", "tile_x"], sort=False).indices
    none = np.zeros(0, np.int64)
    places = zip(table["image_id"], table["tile_y"], table["tile_x"], strict=True)
    parts = [parameters(nuclei.iloc[rows.get(place, none)]) for place in places]
    # what the plain way compares: a tile's true and predicted nuclei in the whole tile
    present = np.mean([np.count_nonzero(p >= wanted["threshold"]) for _, _, p in parts])

    def fast() -> list[list[dict[str, object]]]:
        known = GroundTruth(folder)
        instances = TileInstances(
            read_nuclei(folder / "nuclei.csv.gz"), FusedShape(shape), wanted["threshold"]
        )

        def of_image(image: str) -> list[dict[str, object]]:
            frames = known.tiles(image)
            return [score(*pair) for pair in zip(frames, instances.of_frames(frames)[0], strict=True)]

        return ordered_map(of_image, known.images, processes)

    def warm() -> None:
        fast()
        plain_evaluation(truth[:FEW], parts[:FEW], shape, wanted["threshold"])

    return Case(
        lambda: plain_evaluation(truth, parts, shape, wanted["threshold"]),
        fast,
        {"present": round(float(present), 1), "batch": tiles},
        warm,
    )
