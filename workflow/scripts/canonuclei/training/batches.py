"""Batches of training tiles, read from memory maps; every random choice follows from seed and step."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.tiles import ARRAYS, read_tiles
from ..errors import InputError
from ..inputs import normalized, scale_limits, to_network
from ..provenance import file_digest
from .augment import augment


class Batches:
    """Batches of a set of tiles.

    Args:
        folder: ``tiles/<set>``.
        settings: a run's settings (``input``, ``augmentation``, ``training``).
        instances: read the instance labels too; without it their file is never opened.
        counts: give K.
        masks: read masks and validity; without it (prediction) their files are never opened.
        images: ids of the images whose tiles are meant; None: of all.

    Raises:
        InputError: ``images`` have no tile.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        instances: bool,
        counts: bool,
        masks: bool = True,
        images: Collection[str] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.tiles = read_tiles(folder, instances=instances, masks=masks)
        table = self.tiles.table
        self.rows = np.arange(len(table))  # of the arrays
        if images is not None:
            self.rows = np.flatnonzero(table["image_id"].isin(list(images)))
            if not len(self.rows):
                raise InputError(
                    self.folder / "tiles.csv", "no tile of the images asked for", "name images of it"
                )
            self.tiles = replace(self.tiles, table=table.iloc[self.rows].reset_index(drop=True))
        self.settings, self.with_instances = settings, instances
        self.limits = scale_limits(self.tiles.table, settings["input"])
        # Fractional where it is a share of the image's count, NaN where nobody counted
        self.k = torch.from_numpy(self.tiles.table["k"].to_numpy(np.float32)) if counts else None
        self.batch_size = min(settings["training"]["batch_size"], len(self))

    def __len__(self) -> int:
        return len(self.tiles.table)

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file of arrays that is open: masks may change where the table does not."""
        names = [name for name in ARRAYS if getattr(self.tiles, name) is not None]
        return {name: file_digest(self.folder / f"{name}.npy") for name in names}

    def check_counted(self) -> None:
        """Raise an InputError unless every tile has a K, as the count loss needs."""
        if self.k is None or self.k.isnan().any():
            remedy = "give data.counts, or train variants without a count loss (alpha: 0)"
            raise InputError(self.folder / "tiles.csv", "tiles without K, which the count loss needs", remedy)

    @property
    def steps(self) -> int:
        """Steps of an epoch; a last batch that is not full is left out."""
        wanted = self.settings["training"]["tiles_per_epoch"] or len(self)
        return max(1, wanted // self.batch_size)

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """The tiles of an epoch, (steps, batch size): a shuffle that follows from seed and epoch.

        Where an epoch has more tiles than there are, it goes through all of them again, shuffled anew.
        """
        random, wanted = np.random.default_rng([seed, epoch]), self.steps * self.batch_size
        rounds = [random.permutation(len(self)) for _ in range(-(-wanted // len(self)))]
        return np.concatenate(rounds)[:wanted].reshape(self.steps, self.batch_size)

    def training_batch(self, index: np.ndarray, generator: torch.Generator) -> dict[str, Tensor]:
        """The tiles ``index``, augmented."""
        index = np.sort(index)
        batch = self._raw(index)
        keys = [key for key in ("mask", "valid", "instances") if key in batch]
        images, labels, whole = augment(
            batch["images"], [batch[key] for key in keys], self.settings["augmentation"], generator
        )
        batch.update(zip(keys, labels, strict=True))
        if "k" in batch:
            # of a part of the tile nobody has told it
            batch["k"] = torch.where(whole, batch["k"], torch.nan)
        batch["images"] = to_network(images)
        return batch

    def in_order(self) -> Iterator[dict[str, Tensor]]:
        """All tiles, unaugmented, in order; the last batch may be smaller."""
        for start in range(0, len(self), self.batch_size):
            batch = self._raw(np.arange(start, min(start + self.batch_size, len(self))))
            batch["images"] = to_network(batch["images"])
            yield batch

    def _raw(self, index: np.ndarray) -> dict[str, Tensor]:
        tiles, rows = self.tiles, self.rows[index]
        batch = {"images": normalized(tiles.images[rows], self.limits[index], self.settings["input"])}
        if tiles.masks is not None:
            batch["mask"] = torch.from_numpy(tiles.masks[rows]).float()
            batch["valid"] = torch.from_numpy(tiles.valid[rows]).float()
        if self.k is not None:
            batch["k"] = self.k[torch.from_numpy(index)]
        if self.with_instances:
            batch["instances"] = torch.from_numpy(tiles.instances[rows].astype(np.int64))
        return batch
