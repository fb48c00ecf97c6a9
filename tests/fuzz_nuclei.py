"""Tables of nuclei, shapes and run lengths to be spoiled, and what must hold of what is read of them."""

import gzip
import json
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import torch

from canonuclei.models.shape import ShapeMLP, shape_weights
from canonuclei.nuclei.fused import FusedShape
from canonuclei.nuclei.rle_file import FORMAT, read_rle, rle_tile, tile_masks
from canonuclei.nuclei.rows import PARAMETERS, add_measures, nuclei_masks, nuclei_table
from canonuclei.nuclei.tables import read_nuclei, read_shape
from fuzz_child import Reader
from fuzz_mutations import spoiled, spoiled_json, spoiled_text
from fuzz_pictures import digest

torch.manual_seed(0)
SHAPE = ShapeMLP(noise=0.1).eval()
FUSED = FusedShape(SHAPE)


@cache
def nuclei_texts() -> list[str]:
    """With and without measures."""
    tiles = pd.DataFrame({"image_id": ["a", "a", "b"], "tile_y": [0, 0, 0], "tile_x": [0, 72, 0]})
    lower = torch.eye(2).repeat(3, 4, 1, 1) * torch.tensor([4.0, 7.0, 5.0, 6.0])[None, :, None, None]
    centres = torch.tensor([[0.0, 0.0], [0.05, 0.0], [0.6, 0.6], [1.05, -0.5]])
    t = -torch.einsum("bnij,nj->bni", lower, centres)
    p = torch.tensor([[0.9, 0.8, 0.3, 0.04], [0.2, 0.6, 1 / 3, 0.99], [0.9, 0.01, 0.0, 0.04]])
    table = nuclei_table(tiles, lower, t, p, FUSED)
    return [each.to_csv(index=False, float_format="%.9g") for each in (table, table[list(PARAMETERS)])]


def packed(text: str) -> bytes:
    """As the files are."""
    return gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0)


def sound_nuclei() -> list[bytes]:
    """The files of ``nuclei_texts``."""
    return [packed(text) for text in nuclei_texts()]


def spoiled_nuclei(random: Random) -> tuple[bytes, int | None]:
    """The file's bytes, which a checksum covers, or its text."""
    number = random.randrange(2)
    if random.random() < 0.3:
        return spoiled(sound_nuclei()[number], random), number
    return gzip.compress(spoiled_text(nuclei_texts()[number], random), mtime=0), None


def checked_nuclei(path: Path) -> str:
    """A table; that its measures can be computed and its masks drawn."""
    table = read_nuclei(path)
    assert set(PARAMETERS) <= set(table.columns) and table["id"].dtype == np.int64
    assert np.isfinite(table[["l11", "l21", "l22", "t1", "t2", "p"]].to_numpy(np.float32)).all()
    assert table["p"].between(0, 1).all() and (table["tile_size"] > 0).all()
    if (table["tile_size"] == 128).all():
        measured = add_measures(table, FUSED)
        assert len(measured) == len(table)
        for _, rows in table.groupby(["image", "tile_y", "tile_x"]):
            masks, _ = nuclei_masks(rows, FUSED)
            assert masks.shape[1:] == (128, 128) and masks.dtype == bool
    return table.to_csv()


def sound_shapes() -> list[bytes]:
    """As it lies beside the nuclei."""
    return [json.dumps({"weights": shape_weights(SHAPE), "threshold": 0.5, "run": "x"}).encode()]


def spoiled_shape(random: Random) -> tuple[bytes, int | None]:
    """Entries, or bytes."""
    return spoiled_json(sound_shapes()[0].decode(), random), None


def checked_shape(path: Path) -> str:
    """A shape; that it can be evaluated and its extent be proven."""
    shape, told = read_shape(path)
    weights = torch.cat([each.flatten() for each in shape.state_dict().values()])
    assert weights.numel() == 88 and weights.isfinite().all() and isinstance(told, dict)
    fused = FusedShape(shape)
    assert np.isfinite(fused.logit(np.zeros((2, 5), np.float32))).all()
    assert not np.isnan(fused.bounds.ends)
    return digest(weights.numpy())


@cache
def rle_texts() -> list[str]:
    """A tile with instances, and one without."""
    random = np.random.default_rng(0)
    mask, instances = random.random((32, 32)) < 0.5, random.random((2, 32, 32)) < 0.2
    tiles = [
        rle_tile("a", 0, 8, mask, instances, np.array([0.9, 0.5])),
        rle_tile("b", 0, 0, np.zeros((32, 32))),
    ]
    return [json.dumps({"format": FORMAT, "run": "x", "grid": None, "tile_size": 32, "tiles": tiles})]


def spoiled_rle(random: Random) -> tuple[bytes, int | None]:
    """The file's bytes, its entries, or characters of run lengths."""
    text = rle_texts()[0]
    if (kind := random.random()) < 0.2:
        return spoiled(packed(text), random), 0
    if kind < 0.6:
        return gzip.compress(spoiled_json(text, random), mtime=0), None
    document = json.loads(text)
    runs = list(document["tiles"][0]["mask"])
    for _ in range(random.choice((1, 2, 5))):
        runs[random.randrange(len(runs))] = random.choice(
            "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmno~ "
        )
    document["tiles"][0]["mask"] = "".join(runs) + random.choice(("", "", "o" * 5000, "0" * 999))
    return packed(json.dumps(document)), None


def checked_rle(path: Path) -> str:
    """All masks of a file."""
    document, found = read_rle(path), []
    size = document["tile_size"]
    for tile in document["tiles"]:
        mask, instances, scores = tile_masks(tile, size)
        assert mask.shape == (size, size) and mask.dtype == bool
        assert instances.shape == (len(scores), size, size) and np.isfinite(scores).all()
        found.append(digest(mask, instances, scores))
    return " ".join(found)


READERS = {
    "table of nuclei": Reader(spoiled_nuclei, sound_nuclei, checked_nuclei, "nuclei.csv.gz"),
    "shape.json": Reader(spoiled_shape, sound_shapes, checked_shape, "x.shape.json"),
    "masks of a run": Reader(
        spoiled_rle, lambda: [packed(each) for each in rle_texts()], checked_rle, "x.rle.json.gz"
    ),
}
