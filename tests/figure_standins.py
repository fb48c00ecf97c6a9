"""Small stand-ins for everything that the figures read, in the pipeline's own formats."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd

from canonuclei.models.shape import ShapeMLP, shape_weights

SIZE = 128
HEIGHT, WIDTH = 200, 256
LOOKS = ("fluorescence", "fluorescence", "tissue", "brightfield")
COLUMNS = [
    *("image", "tile_y", "tile_x", "tile_size", "id", "group", "l11", "l21", "l22", "t1", "t2", "p"),
    *("centroid-0", "centroid-1", "area", "ellipse_area", "axis_major_length", "axis_minor_length"),
    *("orientation", "eccentricity"),
]


def make_standins(folder: Path, empty: bool = False) -> Path:
    """Write tiles, tables of nuclei, logs and curves under ``folder``; ``empty``: no instance is present."""
    random = np.random.default_rng(0)
    nuclei = {f"image{i}": _nuclei(random, 14 + 10 * i) for i in range(len(LOOKS))}
    for name, overlap in (("test", 0), ("whole", 64)):
        _write_tiles(folder / "tiles" / name, nuclei, overlap)
    (folder / "nuclei").mkdir(parents=True)
    for variant, label in (("ours", "Ours"), ("ours-cnt", "Ours+L_cnt")):
        run = f"{variant}_tiny_s0"
        for name, suffix in (("test", ".csv.gz"), ("whole", ".whole.csv.gz")):
            tiles = pd.read_csv(folder / "tiles" / name / "tiles.csv")
            table = _predict(tiles, nuclei, 1 if variant == "ours-cnt" else 3, empty)
            table.to_csv(folder / "nuclei" / f"{run}{suffix}", index=False, float_format="%.9g")
        _write_shape(folder / "nuclei" / f"{run}.shape.json", run, variant, label)
        _write_log(folder / "runs" / run / "log.csv", 1 if empty else 20, variant == "ours-cnt")
        shape = {"eccentricity": None if empty else 0.12, "pieces": 1, "closed": not empty}
        shape = {"shape": {**shape, "convex": variant == "ours"}}
        (folder / "runs" / run / "model.json").write_text(json.dumps(shape))
    _write_log(folder / "runs" / "mask-rcnn_tiny_s0" / "log.csv", 1 if empty else 20, False, rival=True)
    _write_curves(folder / "f1_curves.csv", empty)
    return folder


def _nuclei(random: np.random.Generator, number: int) -> np.ndarray:
    """Rows of (x, y, half axis a, half axis b, angle); few overlap."""
    rows: list[np.ndarray] = []
    for _ in range(3000):
        a = random.uniform(6, 13)
        row = np.array(
            [
                random.uniform(0, WIDTH),
                random.uniform(0, HEIGHT),
                a,
                a * random.uniform(0.6, 1),
                random.uniform(0, 3),
            ]
        )
        if all(np.hypot(*(row[:2] - other[:2])) > 0.85 * (a + other[2]) for other in rows):
            rows.append(row)
        if len(rows) == number:
            break
    return np.array(rows)


def _inside(row: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    u = (x - row[0]) * np.cos(row[4]) + (y - row[1]) * np.sin(row[4])
    v = -(x - row[0]) * np.sin(row[4]) + (y - row[1]) * np.cos(row[4])
    return (u / row[2]) ** 2 + (v / row[3]) ** 2 <= 1


def _write_tiles(folder: Path, nuclei: dict[str, np.ndarray], overlap: int) -> None:
    random = np.random.default_rng(1)
    images, instances, rows = [], [], []
    for (name, own), look in zip(nuclei.items(), LOOKS, strict=True):
        labels = np.zeros((HEIGHT, WIDTH), np.uint16)
        for number, row in enumerate(own, 1):
            labels[_inside(row) & (labels == 0)] = number
        ground, ink = {"fluorescence": ((8, 8, 8), (60, 60, 60))}.get(look, ((225, 200, 220), (120, 70, 150)))
        image = np.where(labels[..., None] > 0, ink, ground) + random.normal(0, 4, (HEIGHT, WIDTH, 1))
        image = np.clip(image, 0, 255).astype(np.uint8)
        low, high = np.percentile(image, (1, 99.8))
        for y0, cy0, cy1 in _cuts(HEIGHT, overlap):
            for x0, cx0, cx1 in _cuts(WIDTH, overlap):
                window = np.s_[y0 : y0 + SIZE, x0 : x0 + SIZE]
                images.append(image[window])
                instances.append(labels[window])
                k = len(np.unique(labels[window])) - 1
                rows.append(
                    [
                        len(rows),
                        name,
                        "stage1_test",
                        look,
                        HEIGHT,
                        WIDTH,
                        y0,
                        x0,
                        cy0,
                        cx0,
                        cy1,
                        cx1,
                        k,
                        low,
                        high,
                        image.mean(),
                        image.std(),
                    ]
                )
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", np.array(images))
    np.save(folder / "instances.npy", np.array(instances))
    np.save(folder / "masks.npy", (np.array(instances) > 0).astype(np.uint8))
    np.save(folder / "valid.npy", np.ones((len(instances), SIZE, SIZE), np.uint8))
    names = (
        "tile image_id subset look image_height image_width tile_y tile_x cell_y0 cell_x0 cell_y1 cell_x1 k"
    )
    table = pd.DataFrame(rows, columns=[*names.split(), "p_low", "p_high", "mean", "std"])
    table = table.assign(truth="instances", k_source="instances", scale=1.0)
    table.to_csv(folder / "tiles.csv", index=False)


def _cuts(length: int, overlap: int) -> list[tuple[int, int, int]]:
    stride = SIZE - overlap
    starts = sorted({min(start, length - SIZE) for start in range(0, length - overlap, stride)})
    if overlap:
        edges = [(a + b + SIZE) // 2 for a, b in itertools.pairwise(starts)]
    else:
        edges = [SIZE * (i + 1) for i in range(len(starts) - 1)]
    return list(zip(starts, [0, *edges], [*edges, length], strict=True))


def _predict(tiles: pd.DataFrame, nuclei: dict[str, np.ndarray], pieces: int, empty: bool) -> pd.DataFrame:
    random = np.random.default_rng(2)
    rows: list[dict] = []
    for name, own in nuclei.items():
        number = 0
        for tile in tiles[tiles["image_id"] == name].itertuples():
            for nucleus in own:
                inside = (tile.tile_x <= nucleus[0] < tile.tile_x + SIZE) and (
                    tile.tile_y <= nucleus[1] < tile.tile_y + SIZE
                )
                if not inside:
                    continue
                head = number + 1
                for piece in range(pieces):
                    number += 1
                    part = nucleus.copy()
                    if piece:
                        part[:4] = [*(part[:2] + random.normal(0, 3, 2)), part[2] * 0.7, part[3] * 0.7]
                    presence = 0.1 if empty else random.uniform(0.85, 0.99)
                    rows.append(_row(name, tile, number, head, part, presence))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"group": "Int64"})


def _row(image: str, tile, number: int, head: int, nucleus: np.ndarray, p: float) -> dict:
    """One nucleus as the parameters of the soft disc of radius ½ that ShapeMLP starts with."""
    x, y, a, b, angle = nucleus
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    covariance = spin @ np.diag([a**2, b**2]) @ spin.T / (SIZE / 2) ** 2
    # Any L with LᵀL = covariance⁻¹ / 4 maps the ellipse to the disc; the lower triangular one is unique
    flip = np.eye(2)[::-1]
    upper = flip @ np.linalg.cholesky(flip @ np.linalg.inv(covariance) @ flip / 4) @ flip
    lower = upper.T
    centre = np.array([2 * (x - tile.tile_x) + 1, 2 * (y - tile.tile_y) + 1]) / SIZE - 1
    t = -lower @ centre
    present = p >= 0.5
    row = dict(zip(COLUMNS, [image, tile.tile_y, tile.tile_x, SIZE, number], strict=False))
    row |= {"group": head if present else pd.NA, "p": p, "t1": t[0], "t2": t[1]}
    row |= {"l11": lower[0, 0], "l21": lower[1, 0], "l22": lower[1, 1]}
    if present:
        orientation = np.arctan2(np.cos(angle), np.sin(angle))
        row |= {"centroid-0": y, "centroid-1": x, "area": np.pi * a * b, "ellipse_area": np.pi * a * b}
        row |= {
            "axis_major_length": 2 * a,
            "axis_minor_length": 2 * b,
            "eccentricity": np.sqrt(1 - (b / a) ** 2),
        }
        row |= {"orientation": (orientation + np.pi / 2) % np.pi - np.pi / 2}
    return row


def _write_shape(path: Path, run: str, variant: str, label: str) -> None:
    about = {"weights": shape_weights(ShapeMLP(noise=0.0)), "threshold": 0.5, "merge_overlap": 0.5}
    about |= {"keep_presence": 0.05, "tile_size": SIZE, "normalization": {}, "versions": {}}
    about |= {"run": run, "variant": variant, "label": label, "encoder": "tiny", "seed": 0}
    path.write_text(json.dumps(about))


def _write_log(path: Path, epochs: int, counts: bool, rival: bool = False) -> None:
    epoch = np.arange(1, epochs + 1)
    fall = np.exp(-epoch / 6)
    terms = {"train_bce": 0.1 + 0.5 * fall, "train_dice": 0.2 + 0.7 * fall}
    if counts:
        terms["train_count"] = 20 + 60 * fall
    if rival:
        terms = {
            "train_loss_classifier": 0.1 + fall,
            "train_loss_box_reg": 0.1 + 0.4 * fall,
            "train_loss_mask": 0.2 + 0.3 * fall,
        }
    log = pd.DataFrame({"epoch": epoch, "step": epoch * 10, "lr": 0.01 * np.sin(epoch / epochs * 3)})
    log["train_total"] = sum(terms.values())
    for name, values in terms.items():
        log[name] = values
    log["val_iou"], log["val_dice"] = 0.7 - 0.5 * fall, 0.82 - 0.5 * fall
    log["val_count_mae"] = np.nan if rival else 2 + 15 * fall
    log["seconds"], log["tiles_per_second"] = 10.0, 50.0
    path.parent.mkdir(parents=True)
    log.to_csv(path, index=False)


def _write_curves(path: Path, empty: bool) -> None:
    best = {"Ours": 0.4, "Ours+P": 0.6, "Ours+L_cnt": 0.65, "Ours+L_cnt+P": 0.7, "DeepLabV3+CC": 0.6}
    best |= {
        "DeepLabV3+WS": 0.72,
        "Semantic+CC": 0.58,
        "Semantic+WS": 0.7,
        "Mask R-CNN": 0.82,
        "Otsu+WS": 0.5,
    }
    best |= {"Oracle mask+CC": 0.75, "Oracle mask+WS": 0.9, "Oracle mask+K": 0.92, "Oracle ellipse": 0.999}
    rows = []
    for name, high in best.items():
        ours = name.startswith("Ours")
        reference = name.startswith(("Otsu", "Oracle"))
        for grid in (32, 128) if ours else ("",):
            for k in range(1, 11):
                f1 = 0.0 if empty else high * (1 - (k / 10) ** 4)
                encoder, seed = ("", "") if reference else ("tiny", 0)
                supervision = "oracle" if name.startswith("Oracle") else "masks"
                rows.append([name, supervision, encoder, grid, seed, k / 10, 0, 0, 0, f1])
    names = ["approach", "supervision", "encoder", "grid", "seed", "iou_threshold", "tp", "fp", "fn", "f1"]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
