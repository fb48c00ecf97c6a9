"""Kinds of failure and errors of measurement, on masks whose fate is known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from scipy.sparse import csr_array
from skimage.draw import ellipse
from skimage.measure import regionprops_table

import failures as failures_script
from canonuclei.analysis.examples import example_of, examples
from canonuclei.analysis.failures import failures
from canonuclei.analysis.fate_differences import SHARES, fate_differences
from canonuclei.analysis.measurements import MEASURED, PROPERTIES, mask_measures, measurement_errors
from canonuclei.analysis.shapes import LearnedShape, edge_width, shape_table
from canonuclei.analysis.study import failure_table, measurement_table, range_name, study
from canonuclei.evaluation.frames import Frame
from canonuclei.evaluation.lengths import with_epochs, with_lengths
from canonuclei.evaluation.predicted import Predicted
from canonuclei.figures.failures import draw_failures, draw_failures_of_each
from canonuclei.figures.measurements import draw_measurements
from canonuclei.figures.shapes import draw_shapes
from canonuclei.figures.style import make_figure
from canonuclei.models.shape import ShapeMLP

SHAPE = (60, 80)


class Black:
    """Stands for the truth, where only its pictures are asked for."""

    def picture(self, image: str) -> np.ndarray:
        return np.zeros((*SHAPE, 3), np.uint8)


def masks(*boxes: tuple[int, int, int, int]) -> csr_array:
    """(n, pixels) of boxes y0, x0, y1, x1."""
    stack = np.zeros((len(boxes), *SHAPE), np.int32)
    for mask, (y0, x0, y1, x1) in zip(stack, boxes, strict=True):
        mask[y0:y1, x0:x1] = 1
    return csr_array(stack.reshape(len(boxes), SHAPE[0] * SHAPE[1]))


@pytest.mark.parametrize(
    ("truth", "predicted", "true_kinds", "predicted_kinds"),
    [
        ([(0, 0, 10, 10)], [(0, 0, 10, 10)], ["found"], ["found"]),
        ([(0, 0, 10, 10)], [(0, 0, 10, 5)], ["found"], ["found"]),  # IoU of exactly 0.5
        ([(0, 0, 10, 10)], [(0, 0, 10, 4)], ["outline"], ["part"]),
        ([(0, 0, 10, 10)], [], ["missed"], []),
        ([(0, 0, 10, 10)], [(30, 30, 40, 40)], ["missed"], ["false"]),
        ([], [(30, 30, 40, 40)], [], ["false"]),
        # one mask over two nuclei of a size: neither reaches one half of the union, with some ground between
        ([(0, 0, 10, 10), (0, 12, 10, 22)], [(0, 0, 10, 22)], ["merged", "merged"], ["part"]),
        # over a big and a small one: the big one is found, the small one merged
        ([(0, 0, 10, 30), (0, 30, 10, 36)], [(0, 0, 10, 36)], ["found", "merged"], ["found"]),
        # in three parts
        ([(0, 0, 10, 12)], [(0, 0, 10, 4), (0, 4, 10, 8), (0, 8, 10, 12)], ["split"], ["part"] * 3),
        # a big part and a small one: found, and a part
        ([(0, 0, 10, 12)], [(0, 0, 10, 8), (0, 8, 10, 12)], ["found"], ["found", "part"]),
        # two specks in it cover too little of it
        ([(0, 0, 20, 20)], [(0, 0, 3, 3), (10, 10, 14, 14)], ["missed"], ["part", "part"]),
    ],
)
def test_what_becomes_of_nuclei(truth, predicted, true_kinds, predicted_kinds):
    found = failures(masks(*truth), masks(*predicted))
    assert list(found.true) == true_kinds
    assert list(found.predicted) == predicted_kinds
    assert [number >= 0 for number in found.partner] == [kind == "found" for kind in true_kinds]


def test_measures_of_masks_are_those_of_regionprops_also_where_they_overlap():
    stack = np.zeros((2, *SHAPE), np.int32)
    stack[0][ellipse(25, 30, 9, 17, rotation=0.4)] = 1
    stack[1][ellipse(28, 40, 12, 6, rotation=-0.9)] = 1
    assert (stack.sum(0) > 1).any()
    found = mask_measures(csr_array(stack.reshape(2, -1)), SHAPE)
    for mask, row in zip(stack, found.itertuples(index=False), strict=True):
        expected = pd.DataFrame(regionprops_table(mask, properties=PROPERTIES))
        np.testing.assert_allclose(list(row), expected[list(MEASURED)].iloc[0])
    assert mask_measures(csr_array(stack.reshape(2, -1)), SHAPE, [1]).iloc[0].equals(found.iloc[1])


def table(count: int = 200) -> pd.DataFrame:
    """True ellipses that are measured without error."""
    rng = np.random.default_rng(0)
    true = pd.DataFrame(
        {
            "centroid-0": rng.uniform(0, 100, count),
            "centroid-1": rng.uniform(0, 100, count),
            "area": rng.uniform(100, 400, count),
            "axis_major_length": rng.uniform(15, 30, count),
            "axis_minor_length": rng.uniform(8, 15, count),
            "orientation": rng.uniform(-np.pi / 2, np.pi / 2, count),
            "eccentricity": np.where(np.arange(count) % 2, 0.8, 0.1),
        }
    )
    return pd.concat([true.add_prefix("true_"), true.add_prefix("predicted_")], axis=1)


def test_errors_of_measurement():
    pairs = table()
    perfect = measurement_errors(pairs).set_index("measure")
    assert (perfect["median_error"] == 0).all() and perfect.loc["area", "correlation"] == pytest.approx(1)
    pairs["predicted_area"] *= 1.1
    pairs["predicted_centroid-1"] += 3.0
    pairs["predicted_centroid-0"] += 4.0
    # by 170 degrees one way is by 10 the other; round nuclei, which point nowhere, are left out
    pairs["predicted_orientation"] += np.where(np.arange(len(pairs)) % 2, np.radians(170), 1.0)
    found = measurement_errors(pairs).set_index("measure")
    assert found.loc["area", "bias"] == pytest.approx(10)
    assert found.loc["centroid", "median_error"] == pytest.approx(5) and np.isnan(
        found.loc["centroid", "bias"]
    )
    assert found.loc["orientation", "bias"] == pytest.approx(-10)
    assert found.loc["orientation", "nuclei"] == 100
    assert (measurement_errors(pairs.iloc[:0])["nuclei"] == 0).all()


KEYS_OF = {"supervision": "masks", "encoder": "tiny", "grid": 128, "seed": 0}


def frame_of(image: str, labels: np.ndarray, look: str = "tissue") -> Frame:
    window = (slice(0, labels.shape[0]), slice(0, labels.shape[1]))
    return Frame(image, None, None, look, window, window, labels > 0, labels)


def predictions(image: str):
    """Two approaches on two images: one finds the first of two nuclei, the other merges the two."""
    labels = np.zeros(SHAPE, np.int32)
    labels[0:10, 0:10], labels[0:10, 12:22] = 1, 2
    frame = frame_of(image, labels, "tissue" if image == "a" else "fluorescence")
    yield Predicted(0, KEYS_OF | {"approach": "Tile"}, dataclasses.replace(frame, tile_y=0), masks())
    yield Predicted(1, KEYS_OF | {"approach": "One"}, frame, masks((0, 0, 10, 9), (40, 40, 50, 50)))
    rival = {key: value for key, value in KEYS_OF.items() if key != "grid"}
    yield Predicted(1, rival | {"approach": "Merged"}, frame, masks((0, 0, 10, 22)))
    yield Predicted(1, KEYS_OF | {"approach": "Pixels"}, frame, None, labels > 0)


def test_fates_of_whole_images_and_their_tables():
    fates, counts = study(predictions, ["a", "b"], 1)
    assert list(fates.groupby(["approach", "kind"]).size().items()) == [
        (("Merged", "merged"), 4),
        (("One", "found"), 2),
        (("One", "missed"), 2),
    ]
    one = fates[fates["approach"] == "One"]
    assert one["predicted_area"].tolist()[:1] == [90.0] and one["predicted_area"].isna().sum() == 2
    assert one["true_area"].tolist() == [100.0] * 4
    table = failure_table(fates, counts).set_index(["approach", "by", "group"])
    found = table.loc[("One", "all", "all")]
    assert (found["nuclei"], found["found"], found["missed"], found["false"]) == (4, 0.5, 0.5, 0.5)
    assert table.loc[("Merged", "look", "tissue"), "merged"] == 1
    told = table.xs(("all", "all"), level=("by", "group"))["unmatched"].to_dict()
    assert told == {"Merged": 1, "One": 0}
    assert table.loc[("One", "density", "5–10"), "nuclei"] == 4  # 2 nuclei in 60 x 80 px are 6.8 in a tile
    assert pd.isna(table.loc[("One", "size"), "false"]).all()
    errors = measurement_table(fates)
    assert set(errors["approach"]) == {"One"}
    assert errors.set_index("measure").loc["area", "bias"] == pytest.approx(-10)


def test_differences_of_fates_are_those_of_the_shares():
    fates, counts = study(predictions, ["a", "b"], 1)
    names = {"One": "Ours+P", "Merged": "Semantic+WS"}
    fates, counts = (table.assign(approach=table["approach"].map(names)) for table in (fates, counts))
    every = fate_differences(fates, counts, resamples=50, seed=0)
    found = every[every["look"] == "all"]
    assert set(found["scope"]) == {"whole"} and set(found["images"]) == {2}
    assert (found["grid_a"] == 128).all() and found["grid_b"].isna().all()
    told = found.set_index("metric")[["difference", "low", "high"]]
    # all images are alike, so every draw is
    assert (told["low"] == told["difference"]).all() and (told["high"] == told["difference"]).all()
    shares = failure_table(fates, counts).query("by == 'all'").set_index("approach")
    for name in SHARES:
        expected = shares.loc["Ours+P", name] - shares.loc["Semantic+WS", name]
        assert told.loc[name, "difference"] == pytest.approx(expected), name
    # each look by itself is one image: a difference without an interval
    assert set(every["look"]) == {"all", "fluorescence", "tissue"}
    tissue = every[every["look"] == "tissue"].set_index("metric")
    assert set(tissue["images"]) == {1} and tissue[["low", "high"]].isna().all().all()
    assert tissue.loc["merged", "difference"] == -1
    of_one = fates["image"] != "b", counts["image"] != "b"
    assert set(fate_differences(fates[of_one[0]], counts[of_one[1]], 50, 0)["look"]) == {"all"}
    # an image without a nucleus, on which one of the two is wrong
    empty = counts.iloc[:1].assign(image="c", found=0, part=0, false=3)
    rival = counts[counts["approach"] == "Semantic+WS"].iloc[:1]
    more = pd.concat([counts, empty, rival.assign(image="c", found=0, part=0, false=0)])
    again = fate_differences(fates, more, resamples=50, seed=0).query("look == 'all'").set_index("metric")
    assert set(again["images"]) == {3} and again.loc["found", "difference"] == told.loc["found", "difference"]
    assert again.loc["false", "difference"] == pytest.approx(5 / 7)
    assert fate_differences(fates.iloc[:0], counts.iloc[:0], 50, 0).empty


def test_bars_tell_of_a_row_what_it_has():
    table = failure_table(*study(predictions, ["a", "b"], 1))
    table.loc[table["approach"] == "Merged", ["encoder", "seed"]] = None
    figure = draw_failures(pd.concat([table, table.assign(seed=1)]), [], "One", simulated=True)
    told = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert told == ["One, s0", "One, s1", "Merged", "Merged, s1"]
    plt.close(figure)


def test_without_instance_labels_there_are_no_fates():
    def pixels_only(image: str):
        frame = dataclasses.replace(frame_of(image, np.ones(SHAPE, np.int32)), labels=None)
        yield Predicted(0, KEYS_OF | {"approach": "One"}, frame, masks((0, 0, 10, 9)))

    fates, counts = study(pixels_only, ["a"], 1)
    assert len(fates) == len(counts) == 0


def test_ranges_have_names():
    assert range_name(0, (0, 5, 10)) == "0–5"
    assert range_name(5, (0, 5, 10)) == "5–10"
    assert range_name(10, (0, 5, 10)) == "10 and more"


def test_figures_of_failures_and_measurements(tmp_path):
    fates, counts = study(predictions, ["a", "b"], 1)

    class Truth:
        def picture(self, image: str) -> np.ndarray:
            return np.arange(SHAPE[0] * SHAPE[1] * 3).reshape(*SHAPE, 3).astype(np.uint8)

    found = examples(fates, counts, predictions, Truth(), "One")
    assert [example.kind for example in found] == ["missed", "false"]
    for example in found:
        assert example.rgb.shape[:2] == example.marked.shape and example.marked.any()
        assert all(mask.shape == example.marked.shape for mask in example.true + example.predicted)
    table, errors = failure_table(fates, counts), measurement_table(fates)
    pairs = fates[(fates["approach"] == "One") & (fates["kind"] == "found")]
    drawn = [(draw_failures, {"table": table, "found": each}) for each in (found, [])]
    drawn += [(draw_measurements, {"pairs": each, "errors": errors}) for each in (pairs, pairs.iloc[:0])]
    for number, (draw, data) in enumerate(drawn):
        path = tmp_path / f"{number}.png"
        make_figure(draw, {"png": path}, whose="One, tiny, seed 0", simulated=True, **data)
        assert path.stat().st_size > 5000


def test_each_approach_at_its_commonest_failure(tmp_path):
    fates, _ = study(predictions, ["a", "b"], 1)
    told = {("One", "tiny"): "tiny, 2 epochs"}
    found = failures_script.worst_of_each(fates, predictions, Black(), told)
    assert [(name, run, share, each.kind) for name, run, share, each in found] == [
        ("One", "tiny, 2 epochs", 0.5, "missed"),
        ("Merged", "tiny", 1.0, "merged"),
    ]
    # all of its nuclei lie at the image's edge: the one of median area all the same
    assert found[1][3].marked.sum() == 100
    fates.loc[fates["approach"] == "One", "kind"] = "found"
    found_all = failures_script.worst_of_each(fates, predictions, Black(), told)
    assert [name for name, *_ in found_all] == ["Merged"]
    path = tmp_path / "each.png"
    for pictures in (found, []):
        make_figure(draw_failures_of_each, {"png": path}, found=pictures, simulated=True)
        assert path.stat().st_size > 2000


def test_nuclei_that_the_images_edge_cuts_are_not_the_example():
    labels = np.zeros(SHAPE, np.int32)
    # of three of one size the second would be the median: the edge cuts it
    labels[20:30, 5:15], labels[0:10, 20:30], labels[30:40, 40:50] = 1, 2, 3
    frame = frame_of("a", labels)

    def nothing(image: str):
        yield Predicted(1, KEYS_OF | {"approach": "One"}, frame, masks())

    fates, _ = study(nothing, ["a"], 1)
    example = example_of("missed", fates, nothing, Black(), "One")
    assert example.marked.sum() == 100 and not example.marked[0].any()
    assert example_of("split", fates, nothing, Black(), "One") is None


def test_bars_tell_how_long_runs_of_several_lengths_were():
    table = failure_table(*study(predictions, ["a", "b"], 1))
    runs = [
        {"label": name, "encoder": "tiny", "epochs": epochs} for name, epochs in (("One", 8), ("Merged", 50))
    ]
    figure = draw_failures(with_lengths(with_epochs(table, runs)), [], "One", simulated=True)
    told = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    assert told == {"One, tiny, 8 epochs", "Merged, tiny, 50 epochs"}
    plt.close(figure)


def test_shapes_are_told_and_drawn(tmp_path):
    """A row a run; the edge is as wide as the logistic slope says; no shape is a row without measures."""
    plain_shape, none = ShapeMLP(noise=0.0), ShapeMLP(noise=0.0)
    with torch.no_grad():
        none.layer3.bias += 100.0  # p(s) is 0 everywhere
    learned = [
        LearnedShape(shape, name, "masks", "tiny", seed, 0.5)
        for seed, (shape, name) in enumerate([(plain_shape, "Ours"), (none, "Ours+L_cnt")])
    ]
    table = shape_table(learned).set_index("approach")
    disc = table.loc["Ours"]
    assert disc["pieces"] == 1 and disc["convex"] and disc["closed_in_grid"]
    assert disc["eccentricity"] < 0.05
    assert disc["equivalent_radius"] == pytest.approx(0.5, abs=0.01)
    # from logit 1.1 to −1.1, at a slope of 10 to the unit of r, in radii of ½
    assert disc["edge_width"] == pytest.approx(4 * np.log(3) / 10, rel=0.1)
    missing = table.loc["Ours+L_cnt"]
    assert not missing["has_inside"] and pd.isna(missing["area"]) and pd.isna(missing["edge_width"])
    paths = {kind: tmp_path / f"shapes.{kind}" for kind in ("png", "svg")}
    make_figure(draw_shapes, paths, shapes=learned, start=0.5, simulated=True)
    assert all(path.stat().st_size > 5000 for path in paths.values())


def test_an_ellipse_has_the_edge_of_its_rays():
    """And not the spread of its radii, which a mean profile would show."""
    disc = ShapeMLP(sharpness=80.0, noise=0.0)

    def ellipse(points):
        return disc(points * torch.tensor([1.0, 1.6]))

    longest = 2 * np.log(3) / 80
    assert longest / 1.6 < 0.5 * edge_width(ellipse, 0.5) < longest
