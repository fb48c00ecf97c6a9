"""What the networks see: one polarity and grey values where the settings ask for them."""

import numpy as np
import pandas as pd
import pytest
import torch

from canonuclei.inputs import normalized, scale_limits

PERCENTILES = {"normalization": "percentile", "percentiles": [0.0, 100.0]}


def table_of(*images: np.ndarray) -> pd.DataFrame:
    """The columns of tiles.csv that normalization reads."""
    rows = [{"p_low": image.min(), "p_high": image.max(), "mean": image.mean()} for image in images]
    return pd.DataFrame(rows, dtype=float)


@pytest.fixture
def pictures() -> np.ndarray:
    """A bright disc on dark ground, and the same with the two exchanged; (2, 32, 32, 3)."""
    rows, columns = np.mgrid[:32, :32]
    disc = (rows - 16) ** 2 + (columns - 16) ** 2 < 49
    dark_ground = np.where(disc, 210, 10).astype(np.uint8)
    return np.repeat(np.stack([dark_ground, 220 - dark_ground])[..., None], 3, axis=-1)


def test_one_polarity_makes_both_looks_the_same(pictures):
    seen = PERCENTILES | {"polarity": "bright_nuclei"}
    found = normalized(pictures, scale_limits(table_of(*pictures), seen), seen)
    assert torch.equal(found[0], found[1])
    assert found[0, 0, 16, 16] == 1 and found[0, 0, 0, 0] == 0


def test_without_it_each_keeps_its_own(pictures):
    found = normalized(pictures, scale_limits(table_of(*pictures), PERCENTILES), PERCENTILES)
    assert torch.allclose(found[0], 1 - found[1])


@pytest.mark.parametrize("method", ["image_mean", "none"])
def test_polarity_goes_with_every_normalization(pictures, method):
    plain = {"normalization": method, "percentiles": [0.0, 100.0]}
    seen = plain | {"polarity": "bright_nuclei"}
    table = table_of(*pictures)
    before, after = (normalized(pictures, scale_limits(table, each), each) for each in (plain, seen))
    assert torch.equal(before[0], after[0])
    assert torch.allclose(after[1], 1 - before[1], atol=1e-6)


def test_grey_is_the_mean_of_the_channels():
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 30, 60, 240
    seen = {"normalization": "none", "percentiles": [0.0, 100.0], "colour": "grey"}
    found = normalized(image, scale_limits(table_of(image), seen), seen)
    assert found.shape == (1, 3, 4, 4)
    assert torch.allclose(found, torch.full_like(found, 110 / 255))
    assert found.is_contiguous(memory_format=torch.channels_last)
