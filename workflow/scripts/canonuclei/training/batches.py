"""Batches of training tiles, read from memory maps; every random choice follows from seed and step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.tiles import read_tiles
from ..errors import InputError
from ..inputs import normalized, scale_limits, to_network
from .augment import augment


class Batches:
    """Batches of a set of tiles.

    Args:
        folder: ``tiles/<set>``.
        settings: a run's settings (``input``, ``augmentation``, ``training``).
        instances: read the instance labels too; without it their file is never opened.
        counts: give K.
        masks: read masks and validity; without it (prediction) their files are never opened.
    """

    def __init__(
        self, folder: Path, settings: dict[str, Any], instances: bool, counts: bool, masks: bool = True
    ) -> None:
        self.folder = Path(folder)
        self.tiles = read_tiles(folder, instances=instances, masks=masks)
        self.settings, self.with_instances = settings, instances
        self.limits = scale_limits(self.tiles.table, settings["input"])
        self.clip = settings["input"]["normalization"] == "percentile"
        # Fractional where it is a share of the image's count, NaN where nobody counted
        self.k = torch.from_numpy(self.tiles.table["k"].to_numpy(np.float32)) if counts else None
        self.batch_size = min(settings["training"]["batch_size"], len(self))

    def __len__(self) -> int:
        return len(self.tiles.table)

    def check_counted(self) -> None:
        """Raise an InputError unless every tile has a K, as the count loss needs."""
        if self.k is None or self.k.isnan().any():
            remedy = "give data.counts, or train variants without a count loss (alpha: 0)"
            raise InputError(self.folder / "tiles.csv", "tiles without K, which the count loss needs", remedy)

    @property
    def steps(self) -> int:
        """Steps of an epoch; a last batch that is not full is left out."""
        wanted = self.settings["training"]["tiles_per_epoch"] or len(self)
        return max(1, min(wanted, len(self)) // self.batch_size)

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """The tiles of an epoch, (steps, batch size): a shuffle that follows from seed and epoch."""
        shuffled = np.random.default_rng([seed, epoch]).permutation(len(self))
        return shuffled[: self.steps * self.batch_size].reshape(self.steps, self.batch_size)

    def training_batch(self, index: np.ndarray, generator: torch.Generator) -> dict[str, Tensor]:
        """The tiles ``index``, augmented."""
        index = np.sort(index)
        batch = self._raw(index)
        keys = [key for key in ("mask", "valid", "instances") if key in batch]
        images, labels = augment(
            batch["images"], [batch[key] for key in keys], self.settings["augmentation"], generator
        )
        batch.update(zip(keys, labels, strict=True))
        batch["images"] = to_network(images)
        return batch

    def in_order(self) -> Iterator[dict[str, Tensor]]:
        """All tiles, unaugmented, in order; the last batch may be smaller."""
        for start in range(0, len(self), self.batch_size):
            batch = self._raw(np.arange(start, min(start + self.batch_size, len(self))))
            batch["images"] = to_network(batch["images"])
            yield batch

    def _raw(self, index: np.ndarray) -> dict[str, Tensor]:
        tiles = self.tiles
        batch = {"images": normalized(tiles.images[index], self.limits[index], self.clip)}
        if tiles.masks is not None:
            batch["mask"] = torch.from_numpy(tiles.masks[index]).float()
            batch["valid"] = torch.from_numpy(tiles.valid[index]).float()
        if self.k is not None:
            batch["k"] = self.k[torch.from_numpy(index)]
        if self.with_instances:
            batch["instances"] = torch.from_numpy(tiles.instances[index].astype(np.int64))
        return batch
