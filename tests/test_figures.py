"""Figures are drawn whole from small stand-ins, also of empty outputs, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import re
import shutil
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import jinja2
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import pyplot as plt
from matplotlib.patches import Ellipse
from skimage.io import imread
from skimage.measure import label, regionprops

import figure1
from canonuclei.data.tiles import read_tiles
from canonuclei.errors import InputError
from canonuclei.figures.ellipses import draw_ellipses
from canonuclei.figures.f1_over_iou import draw_f1_over_iou, split_panels
from canonuclei.figures.material import choose_simple_tile, choose_tiles, load_nuclei, tell_runs, whole_image
from canonuclei.figures.outlines import instance_colours, outline
from canonuclei.figures.style import INSTANCE_COLOURS, data_note
from canonuclei.figures.training_curves import draw_training_curves, shorter_runs
from figure_drawing import draw, texts
from figure_standins import LOOKS, SIZE, make_standins

ENDS = ("whole.csv.gz", "shape.json")
VALIDATED = ("val_iou", "val_dice", "val_count_mae")
NAMES = ("figure1", "figure2", "figure3", "ellipses", "f1_over_iou", "training_curves")


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Path:
    return make_standins(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    return make_standins(tmp_path_factory.mktemp("empty"), empty=True)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", NAMES)
def test_figure_is_drawn_and_the_same_again(name, full, tmp_path):
    first = draw(name, full, tmp_path / "a")
    second = draw(name, full, tmp_path / "b", kinds=("png", "svg") if name == "figure3" else ("svg",))
    picture = imread(first["png"])
    assert picture.shape[1] > 1000 and picture[..., :3].std() > 10
    assert "Simulated images" in texts(first["svg"])
    assert "image/png" in first["svg"].read_text() or name in ("f1_over_iou", "training_curves")
    for kind in second:
        assert first[kind].read_bytes() == second[kind].read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [f"{name}.png", f"{name}.svg"]


@pytest.mark.parametrize("name", NAMES)
def test_empty_outputs_are_drawn_and_said(name, empty, tmp_path):
    outputs = draw(name, empty, tmp_path, simulated=False)
    words = texts(outputs["svg"])
    assert imread(outputs["png"])[..., :3].std() > 5
    assert "imulated" not in words
    said = {
        "figure1": "no instance is present",
        "figure2": "no instance",
        "figure3": "no closed outline",
        "ellipses": "no nucleus found",
        "f1_over_iou": "no match at any threshold",
        "training_curves": "up to 1 epoch",
    }
    assert said[name] in words


def test_training_curves_leave_no_gap(full):
    logs = {path.parent.name: pd.read_csv(path) for path in sorted((full / "runs").glob("*/log.csv"))}
    figure = draw_training_curves(logs, {}, True)
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == 9 and all(titles) and "Mask R-CNN's terms" in titles
    (terms,) = (axes for axes in figure.axes if axes.get_title() == "Mask R-CNN's terms")
    assert [text.get_text() for text in terms.get_legend().get_texts()] == ["class", "box", "mask"]


def test_training_curves_tell_three_seeds_apart(full):
    log = pd.read_csv(min((full / "runs").glob("ours-cnt*/log.csv")))
    logs = {f"ours-cnt_tiny_s{seed}": log for seed in (0, 1, 2)}
    figure = draw_training_curves(logs, {"ours-cnt": "Ours+L_cnt"}, True)
    lines = figure.legends[0].get_lines()
    assert len({(line.get_color(), line.get_linestyle(), line.get_alpha()) for line in lines}) == 3
    assert lines[0].get_label() == "Ours+$L_{cnt}$, tiny, s0"


def test_the_legend_fills_places_without_a_panel_and_keeps_approaches_together():
    """Ten panels leave two places of three rows of four; so many runs that it would not fit stand above."""
    terms = ("train_total", "train_bce", "train_dice", "train_count", "train_loss_mask", *VALIDATED, "lr")
    log, short = (pd.DataFrame({"epoch": range(1, n + 1), **dict.fromkeys(terms, 0.5)}) for n in (9, 3))
    logs = {"ours_a_s0": log, "semantic_a_s0": log, "ours_b_s0": short, "ours_a_s1": log}
    figure = draw_training_curves(logs, {"ours": "Ours", "semantic": "Semantic"}, False)
    assert (
        not figure.legends and [bool(axes.get_title()) for axes in figure.axes] == [True] * 10 + [False] * 2
    )
    lines = figure.axes[10].get_legend().get_lines()
    named = [line.get_label() for line in lines]
    assert named == ["Ours, a, s0", "Ours, a, s1", "Ours, b, s0", "Semantic, a, s0"]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--", "-"]
    assert [line.get_color() for line in lines] == [*[lines[0].get_color()] * 3, lines[3].get_color()]
    many = {f"ours_a_s{seed}": log for seed in range(13)} | {"ours_b_s0": short}
    assert draw_training_curves(many, {}, False).legends


def test_training_curves_show_shorter_runs_by_themselves():
    def log(epochs: int, last: float) -> pd.DataFrame:
        return pd.DataFrame({"epoch": range(1, epochs + 1), "val_iou": np.linspace(0.2, last, epochs)})

    logs = {"ours_tiny_s0": log(50, 0.8), "ours-cnt_tiny_s0": log(30, 0.7), "mask-rcnn_tiny_s0": log(6, 0.6)}
    assert list(shorter_runs(logs)) == ["mask-rcnn_tiny_s0"]
    figure = draw_training_curves(logs, {}, False)
    (axes,) = (axes for axes in figure.axes if axes.get_title() == "Validation IoU, shorter runs")
    (line,) = axes.get_lines()
    assert len(line.get_xdata()) == 6 and axes.get_ylim()[0] < 0.2 and axes.get_ylim()[1] < 0.7
    figure = draw_training_curves({run: each for run, each in logs.items() if len(each) > 6}, {}, False)
    assert not [axes for axes in figure.axes if "shorter" in axes.get_title()]


def test_figure3_tells_what_was_measured_on_the_shapes(full, tmp_path):
    words = texts(draw("figure3", full, tmp_path, kinds=("svg",))["svg"])
    for said in ("eccentricity 0.12", "closed, convex, 1 piece", "closed, not convex, 1 piece"):
        assert said in words


def test_table_without_a_row_is_drawn(full, empty, tmp_path):
    for path in (empty / "nuclei").glob("*.csv.gz"):
        pd.read_csv(path).iloc[:0].to_csv(tmp_path / path.name, index=False)
    shape = full / "nuclei" / "ours-cnt_tiny_s0.shape.json"
    table = tmp_path / "ours-cnt_tiny_s0.csv.gz"
    outputs = {"svg": tmp_path / "figure1.svg"}
    figure1.main(full / "tiles" / "test", [table, shape], outputs, None, True)
    assert "no instance is present" in texts(outputs["svg"])


def test_rule_picks_the_busiest_tile_of_each_look_then_a_median_one(full):
    table = read_tiles(full / "tiles" / "test").table
    chosen = choose_tiles(table, None)
    assert len(chosen) == 4 and table.loc[chosen, "image_id"].is_unique
    for look, index in zip(dict.fromkeys(LOOKS), chosen, strict=False):
        assert table.loc[index, "look"] == look
        assert table.loc[index, "k"] == table.loc[table["look"] == look, "k"].max()
    shuffled = table.sample(frac=1, random_state=0)
    assert choose_tiles(shuffled, None) == chosen
    simple = table.loc[choose_simple_tile(table, None)]
    others = table[(table["look"] == "fluorescence") & (table["k"] > 0)]
    assert abs(simple["k"] - 8) == (others["k"] - 8).abs().min()


def test_wanted_tiles_are_taken_and_checked(full):
    table = read_tiles(full / "tiles" / "test").table
    assert choose_tiles(table, [5, 2]) == [5, 2] and choose_simple_tile(table, [5, 2]) == 5
    with pytest.raises(InputError, match=r"figures\.tiles: no test tile 999"):
        choose_tiles(table, [999])


def test_whole_image_is_put_together(full):
    tiles = read_tiles(full / "tiles" / "whole")
    again = whole_image(read_tiles(full / "tiles" / "test"), "image0")
    assert np.array_equal(whole_image(tiles, "image0"), again)
    assert again.min() >= 0 and again.max() <= 1


def test_touching_instances_differ_in_colour():
    square = np.zeros((SIZE, SIZE), bool)
    masks = []
    for column in range(0, SIZE, 16):
        mask = square.copy()
        mask[:, column : column + 16] = True
        masks.append(mask)
    colours = instance_colours(masks)
    assert all(a != b for a, b in pairwise(colours))
    assert set(colours) <= set(INSTANCE_COLOURS)


def test_outline_lies_at_the_mask_edge():
    mask = np.zeros((20, 20), bool)
    mask[5:10, 0:8] = True
    path = outline(mask)
    x, y = path.vertices.T
    assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx((-0.5, 7.5, 4.5, 9.5))
    assert outline(np.zeros((4, 4))) is None


def test_drawn_ellipses_cover_the_rendered_nuclei(full):
    """The ellipse drawn of a row has the angle, axes and centre of that nucleus in the image."""
    tiles = read_tiles(full / "tiles" / "test", instances=True)
    nuclei = load_nuclei(
        full / "nuclei" / "ours-cnt_tiny_s0.whole.csv.gz", full / "nuclei" / "ours-cnt_tiny_s0.shape.json"
    )
    index = choose_tiles(tiles.table, None)[0]
    whole = read_tiles(full / "tiles" / "whole").table
    figure = draw_ellipses(tiles, [index], whole, nuclei, True)
    drawn = [patch for patch in figure.axes[0].patches if isinstance(patch, Ellipse)]
    image = whole_image(tiles, tiles.table.loc[index, "image_id"]).mean(axis=-1) > 0.5
    truth = [region for region in regionprops(label(image)) if region.area > 150]
    hits = 0
    for region in truth:
        row, column = region.centroid
        near = min(drawn, key=lambda patch: np.hypot(patch.center[0] - column, patch.center[1] - row))
        ellipse = near.get_path().transformed(near.get_patch_transform())
        inside = ellipse.contains_points(region.coords[:, ::-1])
        hits += inside.mean() > 0.9
    assert hits >= 0.7 * len(truth)


def test_masks_stand_where_there_are_no_instances(full, tmp_path):
    tiles = tmp_path / "tiles" / "test"
    shutil.copytree(full / "tiles" / "test", tiles)
    (tmp_path / "nuclei").symlink_to(full / "nuclei")
    table = pd.read_csv(tiles / "tiles.csv")
    table.assign(truth="mask", k_source="none", k=np.nan).to_csv(tiles / "tiles.csv", index=False)
    np.save(tiles / "instances.npy", np.load(tiles / "masks.npy").astype(np.uint16))
    words = texts(draw("figure2", tmp_path, tmp_path, kinds=("svg",))["svg"])
    assert words.count("mask only") == 4 and "Ground truth" in words
    assert "Ground truth" in texts(draw("figure1", tmp_path, tmp_path, kinds=("svg",))["svg"])


def test_close_ups_end_where_the_image_does(full):
    tiles = read_tiles(full / "tiles" / "test")
    table = tiles.table.assign(tile_y=tiles.table["tile_y"] + 100, tile_x=tiles.table["tile_x"] + 200)
    nuclei = load_nuclei(*((full / "nuclei" / f"ours-cnt_tiny_s0.{end}") for end in ENDS))
    shifted = dataclasses.replace(tiles, table=table.assign(image_height=200, image_width=256))
    image = whole_image(tiles, "image0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("canonuclei.figures.ellipses.whole_image", lambda *_: image)
        figure = draw_ellipses(shifted, [0], read_tiles(full / "tiles" / "whole").table, nuclei, True)
    close_up = figure.axes[1]
    assert close_up.get_xlim() == (199.5, 255.5) and close_up.get_ylim() == (199.5, 99.5)


def test_panels_hold_one_grid_and_our_best_everywhere(full):
    curves = pd.read_csv(full / "f1_curves.csv")
    panels = split_panels(curves)
    assert [title for title, _ in panels] == ["Ours, tiny", "Rivals", "Oracles: limits of a method"]
    for _, part in panels:
        assert "Ours+L_cnt+P" in set(part["approach"])
        assert not part.duplicated(["approach", "encoder", "seed", "iou_threshold"]).any()


def test_our_best_of_another_length_stands_beside_the_rivals_and_not_in_a_panel_of_ours():
    """Ours of 10 epochs, Ours+L_cnt of 50: beside the first the other would pass for a run of 10."""
    rows = [
        ("Ours", 128, 10),
        ("Ours+L_cnt+P", 128, 50),
        ("DeepLabV3+WS", None, 10),
        ("Oracle ellipse", None, None),
    ]
    curves = pd.DataFrame(rows, columns=["approach", "grid", "epochs"])
    curves = curves.assign(encoder=["resnet50"] * 3 + [None], seed=0, iou_threshold=0.5, f1=0.5)
    best = ("Ours+L_cnt+P", "resnet50, 50 epochs")
    panels = split_panels(curves)
    assert [title for title, _ in panels] == [
        "Ours, resnet50, 10 epochs",
        "Ours, resnet50, 50 epochs",
        "Rivals, resnet50, 10 epochs",
        "Oracles: limits of a method",
    ]
    there = [[*zip(part["approach"], part["encoder"], strict=True)].count(best) for _, part in panels]
    assert there == [0, 1, 1, 1]


def test_figures_of_two_runs_tell_their_epochs(full):
    runs = [
        load_nuclei(*((full / "nuclei" / f"{run}_tiny_s0.{end}") for end in ENDS), 50)
        for run in ("ours", "ours-cnt")
    ]
    assert tell_runs(runs) == "encoder tiny, seed 0, 50 epochs"
    short = dataclasses.replace(runs[0], epochs=10)
    told = tell_runs([short, runs[1]])
    assert told == "Ours: encoder tiny, seed 0, 10 epochs; Ours+L_cnt: encoder tiny, seed 0, 50 epochs"


def test_rivals_stand_beside_our_best_of_their_own_encoder():
    rows = [
        *(("Ours+L_cnt+P", encoder, 128, epochs) for encoder, epochs in (("lite", 50), ("resnet50", 8))),
        ("Semantic+WS", "lite", None, 50),
        ("DeepLabV3+WS", "resnet50", None, 8),
        ("Mask R-CNN", "resnet50", None, 6),
        ("Otsu+WS", None, None, None),
        ("Oracle ellipse", None, None, None),
    ]
    curves = pd.DataFrame(rows, columns=["approach", "encoder", "grid", "epochs"])
    curves = curves.assign(seed=0, iou_threshold=0.5, f1=0.5)
    panels = {
        title: [*zip(part["approach"], part["encoder"], strict=True)] for title, part in split_panels(curves)
    }
    lite, resnet = "lite, 50 epochs", "resnet50, 8 epochs"
    assert panels == {
        f"Ours, {lite}": [("Ours+L_cnt+P", lite)],
        f"Ours, {resnet}": [("Ours+L_cnt+P", resnet)],
        f"Rivals, {lite}": [("Semantic+WS", lite), ("Otsu+WS", ""), ("Ours+L_cnt+P", lite)],
        f"Rivals, {resnet}": [("DeepLabV3+WS", resnet), ("Otsu+WS", ""), ("Ours+L_cnt+P", resnet)],
        "Rivals, resnet50, 6 epochs": [
            ("Mask R-CNN", "resnet50, 6 epochs"),
            ("Otsu+WS", ""),
            ("Ours+L_cnt+P", resnet),
        ],
        "Oracles: limits of a method": [("Oracle ellipse", ""), ("Ours+L_cnt+P", lite)],
    }
    figure = draw_f1_over_iou(curves, simulated=False)
    legends = {axes.get_title(): axes.get_legend() for axes in figure.axes if axes.get_legend()}
    words = " ".join(text.get_text() for text in legends["Rivals, resnet50, 6 epochs"].get_texts())
    assert "6 epochs" in words and "8 epochs" in words


def test_curves_show_the_median_of_the_seeds_as_the_tables_do():
    curves = pd.DataFrame({"seed": [0, 1, 2], "f1": [0.19, 0.34, 0.22]})
    curves = curves.assign(approach="Ours", encoder="lite", grid=128, epochs=50, iou_threshold=0.5)
    figure = draw_f1_over_iou(curves, simulated=False)
    (label,) = (text.get_text() for text in figure.axes[0].get_legend().get_texts())
    assert label == "Ours (0.22)"
    assert "median" in " ".join(text.get_text() for text in figure.findobj(plt.Text))


def test_note_calls_simulated_images_simulated():
    assert data_note(True, "a").startswith("Simulated images")
    assert "imulated" not in data_note(False, "a")


def test_the_reports_front_page_tells_the_length_of_every_run(repository):
    """As the config's ``runs`` give it: one line a variant and encoder, however many entries or seeds."""
    config = yaml.safe_load((repository / "config" / "config.yaml").read_text())
    entries = [("ours", "tiny", [0], 50), ("ours-cnt", "tiny", [0], 10), ("ours", "tiny", [1, 2], 50)]
    runs = [
        {"variant": variant, "encoder": encoder, "seeds": seeds} | ({"epochs": epochs} if epochs < 50 else {})
        for variant, encoder, seeds, epochs in entries
    ]
    config |= {"runs": runs, "source": "simulated"}
    template = (repository / "workflow" / "report" / "workflow.rst").read_text()

    def said() -> list[str]:
        text = jinja2.Template(template).render(snakemake=SimpleNamespace(config=config))
        return [line for line in text.splitlines() if line.startswith(("- ", "**A s", "**Some"))]

    assert said() == [
        "**Some runs are shortened.** The paper trains for 50 epochs of all tiles; these runs:",
        "- ours on tiny: 50 epochs of all training tiles, encoder from scratch",
        "- ours-cnt on tiny: 10 epochs of all training tiles, encoder from scratch",
    ]
    config["only"] = "ours-cnt_tiny_s0"
    assert said()[0].startswith("**A shortened schedule.**") and len(said()) == 2


def test_every_report_output_has_a_caption(repository):
    rules = "".join(path.read_text() for path in (repository / "workflow" / "rules").glob("*.smk"))
    captions = re.findall(r'caption="\.\./report/(\w+\.rst)"', rules)
    # those of the tables are made from the tables' names
    (tables,) = re.findall(r"^MADE_TABLES = \{(.*?)^\}", rules, re.MULTILINE | re.DOTALL)
    (told,) = re.findall(r"^CAPTIONED = \{(.*?)^\}", rules, re.MULTILINE | re.DOTALL)
    files = dict(re.findall(r'"(\w+)": "(\w+)\.\w+"', tables))
    captions += [f"{files[key]}.rst" for key in re.findall(r'^    "(\w+)":', told, re.MULTILINE)]
    assert "differences_by_density.rst" in captions and "figure1.rst" in captions
    for name in captions:
        assert (repository / "workflow" / "report" / name).stat().st_size > 100, name
