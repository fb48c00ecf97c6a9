"""Scores of a model on chosen images of a set of tiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from ..evaluation.aggregate import pooled
from ..evaluation.frames import GroundTruth, score
from ..evaluation.instances import TileInstances
from ..evaluation.matching import labels_to_sparse
from ..evaluation.scores import Row, Rows, score_images
from ..evaluation.watershed import components, distance_watershed
from ..nuclei.fused import FusedShape
from ..nuclei.rle_file import tile_masks
from ..nuclei.rows import nuclei_table
from ..prediction import predict_instances, predict_masks
from ..training.batches import Batches

# Two rows a model: its instances as they come, and as its postprocessing leaves them
PLAIN, REPAIRED = "plain", "repaired"
METRICS = ("iou", "dice", "f1_50", "f1_mean_9", "count_mae")


def score_images_of(
    model: nn.Module,
    folder: Path,
    images: Sequence[str],
    settings: dict[str, Any],
    distance: int,
    processes: int,
) -> dict[str, float]:
    """Pooled scores over the tiles of ``images``.

    Args:
        model: canonical, semantic or DeepLabV3.
        folder: ``tiles/<set>``, with instance labels.
        images: ids of images of the set.
        settings: the run's.
        distance: px between the markers of +WS.
        processes: to score with.

    Returns:
        ``METRICS`` of the instances as they come (a canonical model's, or connected components), and
        ``repaired_f1_50`` and so on of those after +P (or of the watershed); ``images``, ``tiles``.
    """
    batches = Batches(folder, settings, instances=False, counts=False, masks=False, images=images)
    rows = (_canonical if hasattr(model, "shape") else _semantic)(model, batches, settings, distance)
    truth = GroundTruth(folder)

    def of_image(image: str) -> Rows:
        for frame in truth.tiles(image):
            for row in rows(frame):
                yield 0, row

    table = pooled(score_images(of_image, list(images), processes)).set_index("approach")
    found = {name: table.loc[PLAIN, name] for name in METRICS}
    found |= {f"repaired_{name}": table.loc[REPAIRED, name] for name in METRICS}
    found = {name: None if pd.isna(value) else round(float(value), 4) for name, value in found.items()}
    return {"images": len(images), "tiles": len(batches), **found}


def _canonical(model, batches: Batches, settings: dict[str, Any], distance: int):
    prediction = settings["prediction"]
    found = predict_instances(model, batches, settings["training"]["precision"], prediction["threshold"])
    fused = FusedShape.proven(model.shape)
    nuclei = nuclei_table(
        batches.tiles.table,
        *(found[name] for name in ("lower", "t", "p")),
        fused,
        tile_size=settings["tile_size"],
        keep=prediction["keep_presence"],
        threshold=prediction["threshold"],
        overlap=prediction["merge_overlap"],
    )
    instances = TileInstances(nuclei, fused, prediction["threshold"])

    def rows(frame) -> list[Row]:
        alone, merged = instances.of_frames([frame])
        return [
            {"approach": PLAIN} | score(frame, alone[0]),
            {"approach": REPAIRED} | score(frame, merged[0]),
        ]

    return rows


def _semantic(model, batches: Batches, settings: dict[str, Any], distance: int):
    found = predict_masks(model, batches, settings["training"]["precision"])
    tiles = {(tile["image"], tile["tile_y"], tile["tile_x"]): tile for tile in found}
    methods = {PLAIN: components, REPAIRED: lambda mask: distance_watershed(mask, distance)}

    def rows(frame) -> list[Row]:
        mask, _, _ = tile_masks(tiles[frame.image, frame.tile_y, frame.tile_x], settings["tile_size"])
        return [
            {"approach": name} | score(frame, labels_to_sparse(frame.crop(method(mask))), frame.crop(mask))
            for name, method in methods.items()
        ]

    return rows
