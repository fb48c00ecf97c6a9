"""Cases of whole images: one predicted, one segmented with everything that is written."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..models.canonical import Instances
from ..segmentation.model import load_model
from ..segmentation.network import BATCH
from ..segmentation.segmenter import Segmenter
from ..segmentation.tiling import overlap_of
from .material import fresh_model, picture, settings_of, trained_model
from .measure import Case
from .plain import plain_model
from .plain_whole import plain_prediction


class Replay:
    """Lets a network that was never trained do its work, and hand on the outputs of one that was.

    A network with random weights takes as long as a trained one, but what it places is no image's nuclei,
    and how many are present decides what all that follows costs. So the trained network's outputs are kept,
    tile by tile, and stand in for the other's.
    """

    def __init__(self) -> None:
        self.kept: list[Instances] = []
        self.next = 0

    def keep_of(self, trained: nn.Module) -> None:
        """From now on keep what ``trained`` gives."""
        own = trained.instances

        def keep(images: Any) -> Instances:
            self.kept.append(Instances(*(part.detach() for part in own(images))))
            return self.kept[-1]

        trained.instances = keep

    def put_into(self, network: nn.Module) -> nn.Module:
        """Let ``network`` give what was kept, tile by tile in the same order; it is returned."""
        own = network.instances
        stored = Instances(*(torch.cat(parts) for parts in zip(*self.kept, strict=True)))

        def replayed(images: Any) -> Instances:
            own(images)
            first, self.next = self.next, self.next + len(images)
            return Instances(*(part[first : self.next] for part in stored))

        network.instances = replayed
        return network

    @property
    def present(self) -> float:
        """Mean number of instances a tile with p(z) ≥ ½."""
        counts = torch.cat([(one.presence >= 0.5).sum(1).float() for one in self.kept])
        return round(float(counts.mean()), 1)


def prediction(material: dict[str, Any], encoder: str, side: int) -> Case:
    """An image of ``side`` px to its table of nuclei and its labels, from tiles that overlap.

    The network has random weights and the outputs are those of the trained run (``Replay``). The plain way
    makes a table of each tile's instances; the fast one stitches them too.

    Args:
        material: of ``material.prepare``.
        encoder: name of the encoder.
        side: of the square image, px; at least a tile's.
    """
    settings, image = settings_of(material), picture(material, side)
    model, replay = load_model(material["weights"]), Replay()
    size, overlap = model.tile_size, overlap_of(model.tile_size)
    replay.keep_of(model.network)
    Segmenter(model).segment(image)
    fresh = fresh_model(material, encoder).eval()
    # the shape that the kept outputs were made for
    fresh.shape = trained_model(material).shape.eval()
    contiguous = replay.put_into(plain_model(fresh).eval())
    segmenter = Segmenter(dataclasses.replace(model, network=replay.put_into(fresh)))

    def run(way: Any) -> Any:
        replay.next = 0
        return way()

    def plain(pixels: np.ndarray = image) -> Any:
        return run(lambda: plain_prediction(contiguous, pixels, settings, size, overlap))

    def fast() -> Any:
        return run(lambda: segmenter.segment(image))

    def warm() -> None:
        plain(image[:size, :size])
        fast()

    return Case(plain, fast, {"present": replay.present, "batch": BATCH}, warm)


def segment(material: dict[str, Any], side: int) -> Case:
    """An image of ``side`` px segmented by the run's model, all files written; there is no plain way."""
    image, segmenter = picture(material, side), Segmenter.load(material["weights"])
    replay = Replay()
    replay.keep_of(segmenter.model.network)
    small = image[: 2 * segmenter.model.tile_size, : 2 * segmenter.model.tile_size]
    segmenter.segment(small)
    present, replay.kept = replay.present, []
    del segmenter.model.network.instances  # nothing is to be kept while time and memory are taken

    def fast(pixels: np.ndarray = image) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            found = segmenter.segment(pixels)
            found.write(Path(folder) / "image")
            return found

    return Case(None, fast, {"present": present, "batch": BATCH}, lambda: fast(small))
