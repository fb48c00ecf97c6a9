"""The benchmark: how it measures, and what its tables hold."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from matplotlib import pyplot as plt

from canonuclei.benchmarks import measure as measuring
from canonuclei.benchmarks import profiles, suite
from canonuclei.benchmarks.cases import load_case
from canonuclei.benchmarks.material import picture, prepare, repeated_tiles, some_instances
from canonuclei.benchmarks.plain_whole import plain_evaluation
from canonuclei.benchmarks.report import page
from canonuclei.benchmarks.scoring import evaluation
from canonuclei.benchmarks.targets import COLUMNS, OF_ROW
from canonuclei.benchmarks.whole import prediction
from canonuclei.data.archives import AnnotatedImage
from canonuclei.data.tiles import cut_tiles
from canonuclei.figures.benchmarks import draw_benchmarks
from canonuclei.files import write_json
from canonuclei.models.registry import build_model
from canonuclei.settings import overlay, run_settings
from canonuclei.training.records import save_weights

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIG = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
SMALL = {
    **{"repeats": 1, "batch_size": 2, "encoders": ["tiny"], "instances": [12], "grids": [16]},
    **{"prediction_sides": [64], "segment_sides": [64], "evaluation_tiles": [6], "matrix_side": 64},
}
WHATS = {"compositing_train", "compositing_inference", "training_step", "prediction", "evaluation"}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A model that was never trained, with tiles of 32 px whose nuclei are discs."""
    folder = tmp_path_factory.mktemp("material")
    config = overlay(CONFIG, {"tiles": {"size": 32}, "network": {"grid": 8}, "encoder": {"weights": "none"}})
    config = overlay(config, {"network": {"initial_presence": 0.6, "initial_radius": 5}})
    config = overlay(config, {"training": {"batch_size": 2, "compile": False}})
    rows, columns = np.mgrid[:64, :64]
    labels = np.zeros((64, 64), np.uint16)
    for number, (y, x) in enumerate(itertools.product((10, 34, 54), repeat=2), start=1):
        labels[(rows - y) ** 2 + (columns - x) ** 2 < 36] = number
    rgb = np.repeat((40 + 150 * (labels > 0)).astype(np.uint8)[..., None], 3, axis=2)
    for name in ("train", "test"):
        cut_tiles([AnnotatedImage(name, "none", rgb, labels)], folder / "tiles" / name, size=32)
    settings = run_settings(config, "ours-cnt", "tiny")
    torch.manual_seed(0)
    weights = folder / "model.safetensors"
    save_weights(weights, build_model("canonical", "tiny", settings))
    told = {"run": "ours-cnt_tiny_s0", "model": "canonical", "encoder": "tiny", "settings": settings}
    write_json(weights.with_suffix(".json"), told)
    return prepare(weights, folder / "tiles", settings["prediction"], folder / "scratch")


def test_calls_take_turns_and_the_median_is_told():
    told: list[str] = []
    ticks = iter(np.cumsum([0, 5, 0, 1, 0, 9, 0, 3, 0, 7, 0, 2]).tolist())
    calls = {"plain": lambda: told.append("plain"), "fast": lambda: told.append("fast")}
    seconds = measuring.alternate(calls, 3, clock=lambda: next(ticks))
    assert told == ["plain", "fast"] * 4, "one round to warm up, then in turns"
    assert seconds == {"plain": [5, 9, 7], "fast": [1, 3, 2]}
    assert measuring.medians(seconds) == {"plain": 7000, "fast": 2000}


def test_a_smaller_call_warms_up_in_place_of_the_calls():
    told: list[str] = []
    measuring.alternate({"fast": lambda: told.append("fast")}, 2, warm=lambda: told.append("warm"))
    assert told == ["warm", "fast", "fast"]


def test_memory_is_the_rise_of_the_peak_in_a_process_of_its_own():
    arguments = {"plain_ms": 0, "fast_ms": 0, "plain_mib": 96, "fast_mib": 24}
    found = measuring.measure("busy", {"plain": arguments, "fast": arguments}, threads=1)
    assert found["plain"]["rise"] == pytest.approx(96, abs=4)
    assert found["fast"]["rise"] == pytest.approx(24, abs=4)
    assert found["plain"]["peak"] > found["plain"]["rise"]


def test_time_is_measured_in_a_process_of_its_own():
    arguments = {"plain_ms": 60, "fast_ms": 10, "plain_mib": 1, "fast_mib": 1}
    seconds = measuring.measure("busy", {"time": arguments}, repeats=3, threads=1)["time"]["seconds"]
    assert {len(values) for values in seconds.values()} == {3}
    assert min(seconds["plain"]) >= 0.06 and min(seconds["fast"]) >= 0.01


def test_what_a_process_says_is_passed_on_and_no_gpu_is_seen(monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    arguments = {"plain_ms": 0, "fast_ms": 0, "plain_mib": 1, "fast_mib": 1, "say": "CUDA_VISIBLE_DEVICES"}
    measuring.measure("busy", {"fast": arguments}, threads=1)
    assert "CUDA_VISIBLE_DEVICES: ''" in capsys.readouterr().err


def test_the_profile_names_what_takes_the_time():
    arguments = {"plain_ms": 0, "fast_ms": 200, "plain_mib": 1, "fast_mib": 1}
    (name, share), *_ = measuring.measure("busy", {"profile": arguments}, threads=1)["profile"]["shares"]
    assert name == "time.sleep" and share > 0.5
    a = torch.rand(200, 200)
    assert profiles.operations(lambda: [a @ a for _ in range(20)])[0][0] == "aten::mm"


def test_a_case_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"busy: (.|\n)*unexpected keyword(.|\n)*status"):
        measuring.measure("busy", {"time": {"nonsense": 1}})


def test_instances_are_those_of_several_tiles_where_one_has_too_few(material):
    own = 2 * (32 // 16) ** 2
    for n in (3, own, 3 * own):
        found = some_instances(material, n, 2, "trained")
        assert found["lower"].shape == (2, n, 2, 2) and found["t"].shape == (2, n, 2)
    assert some_instances(material, own, 2, "all")["present"] == own


def test_images_and_tiles_come_again_where_there_are_too_few(material):
    assert picture(material, 80).shape == (80, 80, 3)
    table, truth, source = repeated_tiles(material, 10)
    assert len(table) == len(truth) == 10 and source.max() == 3
    assert not table.duplicated(["image_id", "tile_y", "tile_x"]).any()


def test_plain_and_fast_evaluation_match_the_same_pairs(material):
    case = evaluation(material, 4, 1)
    rows = [row for image in case.fast() for row in image]
    # disjoint tiles: each is scored as a whole, as the plain way does
    assert [sum(row[f"tp_{k}"] for row in rows) for k in range(1, 11)] == case.plain().tolist()


def test_plain_evaluation_counts_pairs_by_hand():
    truth = np.zeros((1, 32, 32), np.int32)
    model = build_model("canonical", "tiny", run_settings(CONFIG, "ours", "tiny") | {"tile_size": 32})
    rows, columns = np.mgrid[:32, :32]
    truth[0][(rows - 15.5) ** 2 + (columns - 15.5) ** 2 < 64] = 7
    # the shape starts near a disc of radius ½ in the middle: 8 px of 32
    parts = [(np.eye(2, dtype=np.float32)[None], np.zeros((1, 2), np.float32), np.ones(1, np.float32))]
    found = plain_evaluation(truth, parts, model.shape, 0.5)
    assert found[:5].tolist() == [1] * 5
    nothing = [(np.zeros((0, 2, 2), np.float32), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))]
    assert plain_evaluation(truth, nothing, model.shape, 0.5).sum() == 0


def test_prediction_replays_the_trained_outputs_on_another_network(material):
    case = prediction(material, "tiny", 64)
    once, again = case.fast(), case.fast()
    pd.testing.assert_frame_equal(once.nuclei, again.nuclei)
    # every instance of every tile against those that stitching left
    assert len(case.plain()) >= len(once.nuclei) > 0


def test_all_rows_of_a_small_benchmark(material, monkeypatch):
    monkeypatch.setattr(suite, "prepare", lambda *_: material)

    def here(case, arguments, repeats=1, threads=0):
        made = load_case(case)
        return {what: measuring.run_case(made(**own), what, repeats) for what, own in arguments.items()}

    monkeypatch.setattr(suite, "measure", here)
    monkeypatch.setattr(profiles, "CALLS", 1)
    weights, tiles = Path(material["weights"]), Path(material["tiles"])
    tables, found = suite.run(
        weights, tiles, material["prediction"], SMALL, "tiny", 1, Path(), tell=lambda line: None
    )
    assert found == {"compositing": "chunked"}, "the run's settings compile nothing"
    rows = tables.benchmarks
    assert tuple(rows.columns) == tuple(tables.segment.columns) == COLUMNS
    assert set(rows["what"]) == WHATS and set(tables.segment["what"]) == {"segment"}
    for table in (rows, tables.segment):
        assert (table["fast_ms"] > 0).all() and (table["fast_mib"] >= 0).all()
    assert tables.segment["plain_ms"].isna().all()
    assert (rows["plain_ms"] / rows["fast_ms"]).tolist() == pytest.approx(
        rows["ratio"].tolist(), rel=0.02, abs=0.006
    )
    worst = rows[rows["present"] == rows["n"]]
    assert {"compositing_train", "compositing_inference"} <= set(worst["what"])
    assert set(rows[rows["what"] == "compositing_train"]["n"]) == {8, 12}
    assert tables.value("matmul_fp32") > 0 and tables.value("step_arithmetic", "tiny") > 0
    assert tables.value("loss_share_of_step", "tiny") > 0 and tables.value("training_peak", "tiny") > 0
    assert set(tables.profile["what"]) == WHATS and tables.profile["share"].between(0, 1).all()
    for _, shares in tables.profile.groupby(list(OF_ROW), dropna=False)["share"]:
        assert shares.is_monotonic_decreasing and shares.sum() <= 1.001
    told = page(tables, "About.")
    assert "| peak memory of training" in told and "### Segmenting an image" in told
    assert "| prediction, tiny, n 8, present" in told and "| compositing_inference, n 8, present" in told
    plt.close(draw_benchmarks(rows, tables.segment, "a note"))


def test_configured_sizes_are_measured():
    network = {"n": 128, "grid": 32, "size": 128, "batch": 16, "encoder": "tiny"}
    found = suite.items(CONFIG["benchmarks"], network)
    assert {item.what for item in found} == WHATS | {"lite0_vs_resnet50", "segment"}
    first = next(item for item in found if item.what == "compositing_train")
    assert first.arguments == {"n": 128, "grid": 32, "batch": 16, "present": "trained"}
    assert any(item.arguments == {"encoder": "resnet50", "side": 1024} for item in found)
    assert any(item.arguments == {"tiles": 812} for item in found)
    for item in found:
        # a profile of every row of a target
        if item.profiled:
            assert item.what != "prediction" or item.arguments == {"encoder": "resnet50", "side": 1024}
        if item.what.startswith("compositing"):
            assert item.arguments["batch"] * item.n * item.grid**2 <= suite.MOST
