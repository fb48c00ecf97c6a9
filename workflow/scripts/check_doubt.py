"""Do doubtful nuclei match the truth less often? Over the test tiles of a finished run.

Not a rule: ``python workflow/scripts/check_doubt.py results/<dataset>/runs/<run> [--tiles 150]``.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from scipy.stats import mannwhitneyu
from tqdm import tqdm

from canonuclei.data.tiles import Tiles, read_tiles
from canonuclei.embedding import describe, read_run
from canonuclei.errors import one_line_errors
from canonuclei.evaluation.matching import labels_to_sparse, masks_to_sparse, match, overlaps
from canonuclei.inputs import normalized, scale_limits, to_network
from canonuclei.models.registry import build_model
from canonuclei.nuclei.rows import nuclei_masks, nuclei_table
from canonuclei.segmentation.doubt import disagreement, words
from canonuclei.training.records import load_weights

CONFIG = Path(__file__).resolve().parents[2] / "config" / "config.yaml"


def nuclei_of(
    tiles: Tiles, index: int, network: torch.nn.Module, limits: np.ndarray, seen: dict[str, Any]
) -> pd.DataFrame:
    """The nuclei of one tile with p, overlap, disagreement, and whether each matches at IoU 0.5."""
    pixels, size = tiles.images[index][None], tiles.size

    def predict(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with torch.no_grad():
            found = network.predict(to_network(normalized(images, limits, seen)))
        return found.lower.numpy(), found.t.numpy(), found.presence.numpy()

    # the tile by itself, as if it were an image; its own cell is all of it, and nuclei may reach beyond
    frame = pd.DataFrame({"image_id": ["tile"], "tile_y": 0, "tile_x": 0})
    ends = {f"cell_{axis}{end}": value for axis in "yx" for end, value in ((0, -size), (1, 2 * size))}
    table = nuclei_table(frame, *predict(np.array(pixels)), network.shape, tile_size=size)
    masks, positions = nuclei_masks(table, network.shape, merged=True, tile_size=size)
    nuclei = table.iloc[positions].reset_index(drop=True)
    claims = masks.sum(axis=0)
    nuclei["overlap"] = [float((claims[mask] > 1).mean()) for mask in masks]
    batch = [(frame.assign(**ends), np.array(pixels))]
    nuclei["disagreement"] = disagreement(nuclei, batch, predict, network.shape, size) if len(nuclei) else []
    pairs = overlaps(labels_to_sparse(tiles.instances[index]), masks_to_sparse(masks))
    matched = np.zeros(len(nuclei), bool)
    matched[pairs.predicted[match(pairs, 5)]] = True
    return nuclei.assign(matched=matched)


def report(nuclei: pd.DataFrame) -> str:
    """Area under the curve of every signal, and how many match with and without doubt."""
    matched = nuclei["matched"].to_numpy(bool)
    lines = [f"{len(nuclei)} nuclei, {matched.mean():.0%} match a true one at IoU 0.5"]
    for name, sign in (("p", 1), ("overlap", -1), ("disagreement", -1)):
        known = nuclei[name].notna().to_numpy() & (matched.any() & (~matched).any())
        if known.any():
            values = sign * nuclei[name].to_numpy(np.float64)
            good, bad = values[matched & known], values[~matched & known]
            area = mannwhitneyu(good, bad).statistic / (len(good) * len(bad))
            lines.append(
                f"  {name}: a matching nucleus is the less doubtful of two with a chance of {area:.2f}"
            )
    doubtful = np.array([word != "" for word in words(nuclei)], bool)
    for name, rows in (("without a word of doubt", ~doubtful), ("with one", doubtful)):
        if rows.any():
            lines.append(f"  {name}: {rows.sum()} nuclei, {matched[rows].mean():.0%} match")
    return "\n".join(lines)


def main() -> None:
    """Print how much doubt tells."""
    parser = argparse.ArgumentParser(description="Do doubtful nuclei match the truth less often?")
    parser.add_argument("run", type=Path, help="results/<dataset>/runs/<run>")
    parser.add_argument(
        "--tiles", type=int, default=150, help="drawn from the test tiles; 0: all (default 150)"
    )
    chosen = parser.parse_args()
    with one_line_errors():
        run = read_run(chosen.run)
        settings = describe(run, yaml.safe_load(CONFIG.read_text(encoding="utf-8")))["settings"]
        network = build_model("canonical", run.described["encoder"], settings, None).eval()
        load_weights(run.folder / "model.safetensors", network)
        tiles = read_tiles(run.folder.resolve().parents[1] / "tiles" / "test", instances=True)
    limits = scale_limits(tiles.table, settings["input"])
    order = np.random.default_rng(0).permutation(len(tiles))[: chosen.tiles or None]
    parts = [nuclei_of(tiles, i, network, limits[[i]], settings["input"]) for i in tqdm(np.sort(order))]
    print(report(pd.concat(parts, ignore_index=True)))


if __name__ == "__main__":
    main()
