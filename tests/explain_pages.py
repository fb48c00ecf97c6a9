"""Pages for test_explain.py and the browser that opens them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from canonuclei.explain import ExplainedImage, write_explain
from canonuclei.models.shape import ShapeMLP
from canonuclei.nuclei.measures import ShapeMeasures, invert_lower, measure

HOSTILE = '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=2">=1+1'


def lopsided_shape() -> ShapeMLP:
    """No disc, not centred: what is right for it is right for any shape."""
    torch.manual_seed(3)
    shape = ShapeMLP(radius=0.45, sharpness=9.0, noise=0.1)
    with torch.no_grad():
        shape.layer3.weight[0, 4:6] = torch.tensor([0.9, -0.6])
        shape.layer3.weight[0, :4] += torch.tensor([0.6, 0.4, -0.3, 0.5])
    return shape.eval()


def grid_nuclei(shape: ShapeMLP, rows: int, columns: int, side: float = 40.0, seed: int = 0) -> pd.DataFrame:
    """Nuclei on a grid of ``side`` px, in tiles of fractional size at fractional places."""
    rng = np.random.default_rng(seed)
    n = rows * columns
    size = np.full(n, 128 * 1.25)
    place = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).reshape(-1, 2)
    centre = (place + 0.5) * side + rng.uniform(-3, 3, (n, 2))
    tile = np.floor(centre / 128) * 128 + 0.5
    lower = np.zeros((n, 2, 2))
    lower[:, 0, 0], lower[:, 1, 1] = rng.uniform(2.4, 5.0, (2, n))
    lower[:, 1, 0] = rng.uniform(-1.5, 1.5, n)
    x = (centre[:, 1] + 0.5 - tile[:, 1]) / (size / 2) - 1
    y = (centre[:, 0] + 0.5 - tile[:, 0]) / (size / 2) - 1
    t = -np.einsum("nij,nj->ni", lower, np.stack([x, y], -1))
    p = rng.uniform(0.6, 0.99, n)
    p[rng.permutation(n)[: n // 5]] = 0.3
    lower, t, p = (value.astype(np.float32) for value in (lower, t, p))
    assert np.isfinite(invert_lower(lower)).all()
    values = measures_of(shape, lower, t, p, size, tile)
    table = {"id": np.arange(1, n + 1) * 3, **values}
    table |= {"p": p, "l11": lower[:, 0, 0], "l21": lower[:, 1, 0], "l22": lower[:, 1, 1]}
    table |= {"t1": t[:, 0], "t2": t[:, 1], "tile_y": tile[:, 0], "tile_x": tile[:, 1], "tile_size": size}
    table |= {
        "kept": (p > 0.5).astype(int),
        "overlap": rng.uniform(0, 0.4, n),
        "disagreement": rng.uniform(0, 1, n),
    }
    table["merged_from"] = ""
    table["doubt"] = np.where(p > 0.9, "shared pixels; looks unlike training", "")
    table["intensity_mean-0"] = rng.uniform(0, 255, n)
    return pd.DataFrame(table)


def measures_of(shape, lower, t, p, size, tile, threshold: float = 0.5) -> dict[str, np.ndarray]:
    """The library's measures; one call a size, as it takes one."""
    levels = ShapeMeasures.of(shape, lowest=threshold, samples=256)
    with np.errstate(invalid="ignore"):
        return measure(lower, t, p, levels, float(size[0]), tile[:, 0], tile[:, 1], threshold)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Noise: what compresses worst."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_page(path: Path, shape: ShapeMLP) -> pd.DataFrame:
    """Two images, hostile names and words; returns the first one's nuclei."""
    nuclei = grid_nuclei(shape, 6, 8)
    nuclei.loc[0, "doubt"] = HOSTILE
    first = ExplainedImage(
        "plain.png", picture(240, 320) // 4, nuclei, [f"Unlike the training data: {HOSTILE}"], (0.5, 0.25)
    )
    other = ExplainedImage(HOSTILE, picture(120, 160), grid_nuclei(shape, 3, 4, seed=5))
    write_explain(path, [first, other], shape, {"model": HOSTILE, "threshold": 0.5, "keep": 0.05})
    return nuclei


def chromium(width: int = 1300, height: int = 950):
    """A headless Chromium that logs its console and network; skips where there is none."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed (requirements/dev.txt)"
    )
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip(
            "Chromium and chromedriver are not installed (Debian: apt install chromium chromium-driver)"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    switches = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--window-size={width},{height}",
    )
    for switch in switches:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(driver))
