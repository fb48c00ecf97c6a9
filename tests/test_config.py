"""The configuration: what is refused and how it is told, and that schema, files and table are in step."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import config_table
from canonuclei.errors import InputError
from canonuclei.segmentation.tiling import OVERLAP
from canonuclei.settings import overlay, run_names, run_settings
from canonuclei.validation import load_schema, validate_config

CONFIG = Path(__file__).resolve().parent.parent / "config"
PAPER = yaml.safe_load((CONFIG / "config.yaml").read_text())
VARIANT_ONLY = {"network.input_size", "network.stride"}


def changed(key: str, value: Any) -> dict[str, Any]:
    """The paper's configuration with one key set."""
    config = copy.deepcopy(PAPER)
    place = config
    *parents, last = key.split("/")
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    place[int(last) if isinstance(place, list) else last] = value
    return config


def test_every_committed_config_is_in_the_table():
    table = (CONFIG / "README.md").read_text(encoding="utf-8").split("## 1.")[0]
    assert [path.name for path in CONFIG.glob("*.yaml") if f"| `{path.name}` |" not in table] == []


@pytest.mark.parametrize("name", ["config", "demo", "ci", "precision", "bbbc038-stage1", "short", "trial"])
def test_committed_configs_are_valid(name: str):
    config = PAPER
    layers = {"ci": ["demo", "ci"], "short": ["bbbc038-stage1", "short"], "trial": ["folder", "trial"]}
    layers["precision"] = ["demo", "precision"]
    for layer in layers.get(name, [name]):
        config = overlay(config, yaml.safe_load((CONFIG / f"{layer}.yaml").read_text()))
    validate_config(config)


BAD = [
    ("prediction/keep_presence", 0.6, "prediction.keep_presence: above prediction.threshold"),
    (
        "variants/ours/prediction",
        {"keep_presence": 0.6},
        "variants.ours.prediction.keep_presence: above variants.ours.prediction.threshold",
    ),
    (
        "evaluation/labels",
        {"Tool [2D]": "tool"},
        "evaluation.labels: 'Tool [2D]' does not fit (A name without",
    ),
    (
        "variants/ours/input",
        {"percentiles": [0, 100]},
        "variants.ours.input.percentiles: [0, 100], but all tiles are cut with [1.0, 99.8]",
    ),
    ("variants/deeplabv3/training", {"batch_size": 1}, "variants.deeplabv3.training.batch_size: 1, and"),
    ("tuning/variant", "our", "tuning.variant: no variant 'our' (did you mean"),
    (
        "tuning/trials",
        {"full": {"why": "to see", "variant": "mask-rcnn"}},
        "tuning.trials.full.variant: trials score masks, not instances",
    ),
    ("evaluation/labels", {"{x}": "tool"}, "evaluation.labels: '{x}' does not fit"),
    ("evaluation/labels", {"Otsu+WS": "tool"}, "evaluation.labels.Otsu+WS: 'Otsu+WS' is what a row"),
    ("evaluation/labels", {"Ours+P": "tool"}, "evaluation.labels.Ours+P: 'Ours+P' is what a row"),
    ("variants/ours/label", "Ours+L_cnt+P", "variants.ours.label: 'Ours+L_cnt+P' is what a row"),
    ("encoder/weights", {"resnet50": "none"}, "encoder.weights.efficientnet-lite0: is missing"),
    ("training/epoch", 3, "training.epoch: unknown key (did you mean 'epochs'?)"),
    ("bananas", 3, "bananas: unknown key (known: augmentation, benchmarks, data, dataset"),
    ("training/epochs", "3", "training.epochs: '3' is not a whole number (Passes over the training tiles"),
    ("training/epochs", True, "training.epochs: True is not a whole number"),
    ("training/epochs", 0, "training.epochs: 0 is less than 1"),
    ("training/max_lr", 0, "training.max_lr: 0 is not more than 0"),
    ("training/momentum", 1.0, "training.momentum: 1.0 is not less than 1"),
    ("training/precision", "fp16", "training.precision: 'fp16' is not one of auto, bf16, fp32"),
    ("augmentation/noise", 2, "augmentation.noise: 2 is more than 1"),
    ("augmentation/flips", "yes", "augmentation.flips: 'yes' is not true or false"),
    ("augmentation/gamma", [2, 1], "augmentation.gamma: 2 is not below 1 (write [low, high])"),
    ("tiles/size", 100, "tiles.size: 100 is not a multiple of 16"),
    ("tiles/whole_overlap", 128, "tiles.whole_overlap: not smaller than tiles.size"),
    ("input/percentiles", [1, 2, 3], "input.percentiles: [1, 2, 3] has more than 2 entries"),
    ("input/percentiles", [5], "input.percentiles: [5] has fewer than 2 entries"),
    ("network/grid", 33, "network.grid: 33 does not divide tiles.size, 128 (32 is the paper's)"),
    ("training", None, "training: None is not a mapping"),
    ("dataset", "../elsewhere", "dataset: '../elsewhere' does not fit"),
    ("source", "http://somewhere.org", "source: not an https address"),
    ("encoder/weights", "coco", "encoder.weights: 'coco' is not one of imagenet, none"),
    (
        "encoder/weights",
        {"resnet18": "none"},
        "encoder.weights.resnet18: unknown key (did you mean 'resnet50'?)",
    ),
    ("variants/ours/trainig", {}, "variants.ours.trainig: unknown key (did you mean 'training'?)"),
    (
        "variants/ours/training",
        {"epoch": 1},
        "variants.ours.training.epoch: unknown key (did you mean 'epochs'?)",
    ),
    ("variants/ours/model", "unet", "variants.ours.model: 'unet' is not one of canonical, semantic"),
    ("variants/a_b", {"model": "semantic", "label": "x"}, "variants.a_b: not a usable name"),
    (
        "variants/twin",
        {"model": "semantic", "label": "Ours"},
        "variants.twin.label: 'Ours' is also the label of",
    ),
    ("variants/semantic/alpha", 0.1, "variants.semantic.alpha: only canonical models have a count loss"),
    ("variants/ours/network", {"input_size": 256}, "variants.ours.network.input_size: only for maskrcnn"),
    ("variants/ours/network", {"grid": 30}, "variants.ours.network.grid: 30 does not divide tiles.size"),
    ("runs", [], "runs: [] has fewer than 1 entry"),
    ("runs/0/variant", "our", "runs[0].variant: no variant 'our' (did you mean 'ours'?)"),
    ("runs/0/encoder", "resnet18", "runs[0].encoder: 'resnet18' is not one of resnet50"),
    ("runs/0/seeds", [1, 1], "runs[0].seeds: [1, 1] names the same twice"),
    ("only", "ours_resnet50_s0 ours_resnet5_s0", "only: no run 'ours_resnet5_s0' (did you mean"),
    ("only", " ", "only: names no run"),
    (
        "runs",
        [
            {"variant": "ours", "encoder": "resnet50", "seeds": [0], "epochs": 8},
            {"variant": "ours", "encoder": "resnet50", "seeds": [1]},
        ],
        "runs[1].epochs: ours on resnet50 has another number of epochs in an entry before",
    ),
    ("figures/encoder", "tiny", "figures.encoder: no run has the encoder 'tiny'"),
    ("split/protocol", "random", "split.protocol: 'random' is not one of official, stage1"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD, ids=lambda each: str(each)[:40])
def test_bad_values_are_told_in_one_line(key: str, value: Any, message: str):
    with pytest.raises(InputError) as error:
        validate_config(changed(key, value))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(")")


def test_list_is_needed_by_stage1():
    config = changed("split/protocol", "stage1")
    config["split"]["list"] = None
    with pytest.raises(InputError, match=r"split\.list: missing with protocol stage1"):
        validate_config(config)


def test_missing_keys_are_told():
    for key in PAPER:
        with pytest.raises(InputError, match=f"^{key}: is missing"):
            validate_config({name: value for name, value in PAPER.items() if name != key})


def test_schema_is_a_schema_and_describes_every_key():
    schema = load_schema()
    Draft202012Validator.check_schema(schema)
    for key, each in config_table.leaves(schema, schema):
        assert each.get("description"), key


def test_no_mapping_of_the_schema_takes_unknown_keys():
    def mappings(node: Any, where: str = "") -> Iterator[tuple[str, dict]]:
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield where, node
            for name, each in node.items():
                yield from mappings(each, f"{where}/{name}")

    found = dict(mappings(load_schema()))
    assert len(found) > 15
    for where, node in found.items():
        assert where.endswith("/labels") or node.get("additionalProperties") is False, where


def test_config_and_schema_have_the_same_keys():
    schema = load_schema()
    described = {key for key, _ in config_table.leaves(schema, schema)}
    plain = {key for key in described if "[]" not in key and "<name>" not in key} - VARIANT_ONLY

    def leaves(value: Any, key: str = "") -> Iterator[str]:
        if isinstance(value, dict) and value and key not in ("variants", "evaluation.labels"):
            for name, each in value.items():
                yield from leaves(each, f"{key}.{name}".removeprefix("."))
        elif key not in ("variants", "runs", "tuning.hold_out", "tuning.trials"):
            yield key

    assert set(leaves(PAPER)) == plain


def test_table_of_keys_is_in_step():
    assert config_table.main(check=True) == 0, "run: make docs"


def test_whole_images_are_segmented_as_they_are_scored():
    assert PAPER["tiles"]["whole_overlap"] == OVERLAP


def test_figures_of_the_config_are_of_a_run():
    assert PAPER["figures"]["encoder"] in {run["encoder"] for run in PAPER["runs"]}


def test_no_description_is_cut_at_a_comma():
    """An unquoted comma in a flow mapping ends the text, and what follows becomes a key without a value."""

    def values(node: Any) -> list[Any]:
        if isinstance(node, dict):
            return [leaf for value in node.values() for leaf in values(value)]
        return [leaf for value in node for leaf in values(value)] if isinstance(node, list) else [node]

    assert None not in values(load_schema())


def own(counts: str | None = "components", **more: Any) -> dict[str, Any]:
    """The committed configuration for images of one's own, with folders named."""
    config = overlay(PAPER, yaml.safe_load((CONFIG / "folder.yaml").read_text()))
    return overlay(config, {"data": {"images": "my images", "masks": "m", "counts": counts, **more}})


def test_images_of_ones_own():
    validate_config(own())
    validate_config(own(channel="DAPI", nucleus_diameter=40))
    without = own(None)
    with pytest.raises(
        InputError, match=r"runs\[1\]\.variant: ours-cnt has a count loss, but data\.counts is null"
    ):
        validate_config(without)
    without["runs"] = [run for run in without["runs"] if run["variant"] != "ours-cnt"]
    validate_config(without)
    for key in ("images", "masks"):
        with pytest.raises(InputError, match=rf"data\.{key}: missing with data\.kind folder"):
            validate_config(own(**{key: None}))
    with pytest.raises(InputError, match="given beside"):
        validate_config(own(scale=0.5, nucleus_diameter=9))
    with pytest.raises(InputError, match=r"data\.images: given, but data\.kind is bbbc038"):
        validate_config(own(kind="bbbc038"))
    instances = own()
    instances["runs"].append({"variant": "mask-rcnn", "encoder": "efficientnet-lite0", "seeds": [0]})
    with pytest.raises(InputError, match="learns from instance masks"):
        validate_config(instances)


def test_chosen_runs_keep_the_order_of_all():
    chosen = changed("only", "ours-cnt_resnet50_s0  ours_resnet50_s0")
    validate_config(chosen)
    assert run_names(chosen) == ["ours_resnet50_s0", "ours-cnt_resnet50_s0"]


def test_a_runs_own_epochs_are_its_alone():
    runs = [{"variant": "ours", "encoder": name, "seeds": [0]} for name in ("resnet50", "efficientnet-lite0")]
    config = changed("runs", [runs[0] | {"epochs": 8}, runs[1]])
    validate_config(config)
    own = run_settings(config, "ours", "resnet50")
    assert own["training"]["epochs"] == 8
    whole = run_settings(changed("runs", runs), "ours", "resnet50")
    whole["training"]["epochs"] = 8
    assert own == whole
    assert run_settings(config, "ours", "efficientnet-lite0")["training"]["epochs"] == 50


def test_an_encoder_from_scratch_has_no_statistics_to_keep():
    config = changed("encoder", {"weights": {"resnet50": "none"}, "batch_norm": "frozen"})
    config["encoder"]["weights"]["efficientnet-lite0"] = "imagenet"
    kept = {
        name: run_settings(config, "ours", name)["encoder"]["batch_norm"]
        for name in ("resnet50", "efficientnet-lite0", "tiny")
    }
    assert kept == {"resnet50": "train", "efficientnet-lite0": "frozen", "tiny": "train"}
    config["encoder"]["weights"] = "imagenet"  # which the tiny one has not
    assert run_settings(config, "ours", "tiny")["encoder"]["batch_norm"] == "train"
    assert run_settings(config, "ours", "resnet50")["encoder"]["batch_norm"] == "frozen"
