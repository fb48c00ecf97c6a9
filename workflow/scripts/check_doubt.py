"""Are doubtful nuclei wrong more often? Over the validation tiles of a finished run, never the test's.

Not a rule: ``python workflow/scripts/check_doubt.py results/<dataset>/runs/<run>``, and with ``--model
<model.safetensors>`` of another model on the same tiles, such as the embedded one. The thresholds of
``canonuclei.segmentation.doubt`` were set by what it prints.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from canonuclei.data.tiles import Tiles, read_tiles
from canonuclei.errors import InputError, one_line_errors
from canonuclei.evaluation.matching import labels_to_sparse, masks_to_sparse, match, overlaps
from canonuclei.files import atomic_path
from canonuclei.inputs import scale_limits
from canonuclei.nuclei.rows import nuclei_masks, nuclei_table
from canonuclei.segmentation.doubt_rates import report
from canonuclei.segmentation.model import Model, load_model
from canonuclei.segmentation.network import runner
from canonuclei.segmentation.turns import disagreement

_REMEDY = "give a run on images whose nuclei are labelled one by one"


def nuclei_of(tiles: Tiles, index: int, model: Model, limits: np.ndarray) -> pd.DataFrame:
    """The nuclei of one tile with p, overlap, disagreement, and whether each matches at IoU 0.5.

    Args:
        tiles: read with instances.
        index: of the tile.
        model: of ``load_model``.
        limits: (1, 2) of ``inputs.scale_limits``.
    """
    pixels, size = np.array(tiles.images[index])[None], tiles.size
    # measured and bounded once for all tiles
    shape, predict = model.fused, runner(model, limits)
    # the tile by itself, as if it were an image; its own cell is all of it, and nuclei may reach beyond
    frame = pd.DataFrame({"image_id": ["tile"], "tile_y": 0, "tile_x": 0})
    ends = {f"cell_{axis}{end}": value for axis in "yx" for end, value in ((0, -size), (1, 2 * size))}
    table = nuclei_table(frame, *predict(pixels), shape, tile_size=size)
    masks, positions = nuclei_masks(table, shape, merged=True, tile_size=size)
    nuclei = table.iloc[positions].reset_index(drop=True)
    claims = masks.sum(axis=0)
    nuclei["overlap"] = [float((claims[mask] > 1).mean()) for mask in masks]
    batch = [(frame.assign(**ends), pixels)]
    nuclei["disagreement"] = disagreement(nuclei, batch, predict, shape, size) if len(nuclei) else []
    pairs = overlaps(labels_to_sparse(tiles.instances[index]), masks_to_sparse(masks))
    matched = np.zeros(len(nuclei), bool)
    matched[pairs.predicted[match(pairs, 5)]] = True
    told = {name: tiles.table[name].iloc[index] for name in ("image_id", "look")}
    return nuclei.assign(tile=index, matched=matched, **told)


def check(run: Path, most: int, model_file: Path | None = None) -> pd.DataFrame:
    """The nuclei that a run, or another model, finds in the validation tiles of the run's data set.

    Args:
        run: its folder, ``results/<dataset>/runs/<run>``.
        most: tiles, drawn the same way each time; 0: all.
        model_file: in place of the run's own, which need not be there then.

    Raises:
        InputError: no such run, or validation tiles without instance labels.
    """
    model = load_model(model_file or run)
    folder = run.resolve().parents[1] / "tiles" / "val"
    if not (folder / "instances.npy").is_file():
        raise InputError(folder, "no instance labels, which tell right from wrong", _REMEDY)
    tiles = read_tiles(folder, instances=True)
    limits = scale_limits(tiles.table, model.settings["input"])
    # masks of one's own may tell nuclei apart in some images only
    known = np.flatnonzero(tiles.table["truth"] == "instances")
    if not len(known):
        raise InputError(folder, "no tile with instance labels, which tell right from wrong", _REMEDY)
    order = np.sort(np.random.default_rng(0).permutation(known)[: most or None])
    return pd.concat([nuclei_of(tiles, i, model, limits[[i]]) for i in tqdm(order)], ignore_index=True)


def main() -> None:
    """Print how much doubt tells."""
    parser = argparse.ArgumentParser(description="Are doubtful nuclei wrong more often?")
    parser.add_argument("run", type=Path, help="results/<dataset>/runs/<run>")
    parser.add_argument("--model", type=Path, help="another model than the run's (model.safetensors)")
    parser.add_argument("--tiles", type=int, default=0, help="drawn from the validation tiles (default: all)")
    parser.add_argument("--table", type=Path, help="CSV file to write, a row a nucleus")
    chosen = parser.parse_args()
    with one_line_errors():
        nuclei = check(chosen.run, chosen.tiles, chosen.model)
    if chosen.table:
        with atomic_path(chosen.table) as temporary:
            nuclei.to_csv(temporary, index=False)
    print(report(nuclei))


if __name__ == "__main__":
    main()
