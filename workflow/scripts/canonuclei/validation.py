"""Check of the configuration against its schema: one line that names the key, the fault and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema.exceptions import ValidationError, best_match

from .config_values import Validator, check_values
from .errors import InputError
from .settings import ENDS, all_runs, plain

# Rows of the tables that no variant makes
REFERENCES = ("Otsu+WS", "Oracle mask+CC", "Oracle mask+WS", "Oracle mask+K", "Oracle ellipse")
SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


def load_schema() -> dict[str, Any]:
    """The schema of the configuration, workflow/schemas/config.schema.yaml."""
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


def validate_config(config: Mapping[str, Any]) -> None:
    """Check a whole configuration before anything runs.

    Args:
        config: the merged configuration, as Snakemake has it.

    Raises:
        InputError: at the first fault: an unknown or missing key, a value of the wrong type or out of its
            range, or keys that contradict each other. The message is one line.
    """
    check_values(config)
    errors = list(Validator(load_schema()).iter_errors(plain(config)))
    if errors:
        # An unknown key is often why another one is missing, so it is told first
        unknown = [error for error in errors if error.validator == "additionalProperties"]
        raise _explain(unknown[0] if unknown else _deepest(best_match(errors)))
    for problem in _contradictions(config):
        raise problem


def _deepest(error: ValidationError) -> ValidationError:
    while error.context and error.validator == "anyOf":
        error = max(error.context, key=lambda each: len(each.absolute_path))
    return error


def _explain(error: ValidationError) -> InputError:
    key, value, schema = dotted(error.absolute_path), error.instance, error.schema
    if error.validator == "additionalProperties":
        known = [*schema.get("properties", {})]
        patterns = [*schema.get("patternProperties", {})]
        name = next(
            each for each in value if each not in known and not any(re.search(p, each) for p in patterns)
        )
        if patterns:
            return InputError(_join(key, name), "not a usable name", "letters, digits, '.', '+' and '-' only")
        return InputError(_join(key, name), "unknown key", _nearest(name, known))
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in value)
        return InputError(_join(key, missing), "is missing", _meaning(schema, missing))
    remedy = schema.get("description") or "config/README.md says what it takes"
    return InputError(key, f"{_show(value)} {_fault(error)}", " ".join(remedy.split()).rstrip("."))


def _fault(error: ValidationError) -> str:
    limit = error.validator_value
    match error.validator:
        case "type":
            kinds = [limit] if isinstance(limit, str) else limit
            return f"is not {' or '.join(_KINDS[kind] for kind in kinds)}"
        case "enum":
            return f"is not one of {', '.join(map(str, limit))}"
        case "minimum":
            return f"is less than {limit}"
        case "maximum":
            return f"is more than {limit}"
        case "exclusiveMinimum":
            return f"is not more than {limit}"
        case "exclusiveMaximum":
            return f"is not less than {limit}"
        case "multipleOf":
            return f"is not a multiple of {limit}"
        case "minItems" | "minProperties" | "minLength":
            return f"has fewer than {limit} {'entry' if limit == 1 else 'entries'}"
        case "maxItems":
            return f"has more than {limit} entries"
        case "uniqueItems":
            return "names the same twice"
    return "does not fit"


_KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def _contradictions(config: Mapping[str, Any]) -> Iterator[InputError]:
    """What the schema cannot say: keys that refer to each other."""
    variants = config["variants"]
    if "://" in config["source"] and not config["source"].startswith("https://"):
        yield InputError("source", "not an https address", "an https address, a folder, or simulated")
    for index, run in enumerate(config["runs"]):
        if run["variant"] not in variants:
            yield InputError(
                f"runs[{index}].variant", f"no variant {run['variant']!r}", _nearest(run["variant"], variants)
            )
    yield from _lengths_faults(config)
    if config["figures"]["encoder"] not in {run["encoder"] for run in config["runs"]}:
        yield InputError(
            "figures.encoder", f"no run has the encoder {config['figures']['encoder']!r}", "name one of runs"
        )
    yield from _only_faults(config)
    yield from _presence_faults(config["prediction"], "prediction")
    labels: dict[str, str] = {}
    for name, variant in variants.items():
        where = f"variants.{name}"
        if variant.get("alpha", 0) and variant["model"] != "canonical":
            yield InputError(f"{where}.alpha", "only canonical models have a count loss", "remove the key")
        if "input_size" in variant.get("network", {}) and variant["model"] != "maskrcnn":
            yield InputError(f"{where}.network.input_size", "only for maskrcnn", "remove the key")
        if variant["label"] in REFERENCES or variant["label"].endswith(ENDS):
            problem = f"{variant['label']!r} is what a row of the table is called already"
            yield InputError(f"{where}.label", problem, "end it otherwise, or name it otherwise")
        if variant["label"] in labels:
            problem = f"{variant['label']!r} is also the label of {labels[variant['label']]!r}"
            yield InputError(f"{where}.label", problem, "give each variant a label of its own")
        labels[variant["label"]] = name
        yield from _tiles_faults(variant, where, config)
        training = {**config["training"], **variant.get("training", {})}
        if variant["model"] == "deeplabv3" and training["batch_size"] == 1:
            problem = "1, and DeepLabV3 normalizes over the tiles of a batch"
            yield InputError(f"{where}.training.batch_size", problem, "give it 2 or more")
        yield from _presence_faults(
            config["prediction"] | variant.get("prediction", {}), f"{where}.prediction"
        )
        yield from _settings_faults({**variant, "where": f"{where}."}, config)
    yield from _settings_faults({**config, "where": ""}, config)
    if config["segment"]["scale"] is not None and config["segment"]["diameter"] is not None:
        yield InputError("segment.scale", "given beside segment.diameter", "give one of the two")
    yield from _folder_faults(config)
    yield from _trial_faults(config)
    if config["split"]["protocol"] == "stage1" and not (
        config["split"]["list"] or config["source"] == "simulated" or config["data"]["kind"] == "folder"
    ):
        yield InputError("split.list", "missing with protocol stage1", "name the CSV that lists the split")
    weights = config["encoder"]["weights"]
    for encoder in {run["encoder"] for run in config["runs"]} - {"tiny"}:
        if isinstance(weights, Mapping) and encoder not in weights:
            yield InputError(f"encoder.weights.{encoder}", "is missing", "say imagenet or none: a run has it")
    for name in config["evaluation"]["labels"]:
        if name in REFERENCES or any(name in {label, *(label + end for end in ENDS)} for label in labels):
            problem = f"{name!r} is what a row of the table is called already"
            yield InputError(f"evaluation.labels.{name}", problem, "name it otherwise")
    if config["tiles"]["whole_overlap"] >= config["tiles"]["size"]:
        yield InputError("tiles.whole_overlap", "not smaller than tiles.size", "64 is the default")


def _tiles_faults(changes: Mapping[str, Any], where: str, config: Mapping[str, Any]) -> Iterator[InputError]:
    """Tiles are cut once for all models, with percentiles of their own."""
    own = changes.get("input", {}).get("percentiles")
    if own is not None and list(own) != list(config["input"]["percentiles"]):
        problem = f"{list(own)}, but all tiles are cut with {list(config['input']['percentiles'])}"
        yield InputError(f"{where}.input.percentiles", problem, "set input.percentiles, which is all models'")


def _trial_faults(config: Mapping[str, Any]) -> Iterator[InputError]:
    """Faults of the short trials: what they try must be there, and be scored as it predicts."""
    variants = config["variants"]
    named = {"tuning.variant": config["tuning"]["variant"]}
    for name, trial in config["tuning"]["trials"].items():
        where = f"tuning.trials.{name}"
        yield from _tiles_faults(trial, where, config)
        if "variant" in trial:
            named[f"{where}.variant"] = trial["variant"]
    for where, variant in named.items():
        if variant not in variants:
            yield InputError(where, f"no variant {variant!r}", _nearest(variant, variants))
        elif variants[variant]["model"] == "maskrcnn":
            yield InputError(where, "trials score masks, not instances", "name another variant")


def _presence_faults(prediction: Mapping[str, Any], where: str) -> Iterator[InputError]:
    """Nuclei that are present must be among those that are kept."""
    if prediction["keep_presence"] > prediction["threshold"]:
        problem = f"above {where}.threshold, so nuclei that are present would be left out"
        yield InputError(f"{where}.keep_presence", problem, "0.05 is the default")


def _lengths_faults(config: Mapping[str, Any]) -> Iterator[InputError]:
    """Seeds of one variant and encoder stand in one row, and are of one length."""
    lengths: dict[tuple[str, str], int | None] = {}
    for index, run in enumerate(config["runs"]):
        first = lengths.setdefault((run["variant"], run["encoder"]), run.get("epochs"))
        if run.get("epochs") != first:
            problem = f"{run['variant']} on {run['encoder']} has another number of epochs in an entry before"
            yield InputError(f"runs[{index}].epochs", problem, "give all its entries the same, or none any")


def _only_faults(config: Mapping[str, Any]) -> Iterator[InputError]:
    """Faults of the runs that are chosen of all."""
    if config["only"] is None:
        return
    names = all_runs(config)
    for name in config["only"].split():
        if name not in names:
            yield InputError("only", f"no run {name!r}", _nearest(name, names))
    if not config["only"].split():
        yield InputError("only", "names no run", "null chooses all of runs")


def _folder_faults(config: Mapping[str, Any]) -> Iterator[InputError]:
    """Faults of a data set of one's own, which has no instance labels and perhaps no counts."""
    data = config["data"]
    if data["nucleus_diameter"] is not None and data["scale"] is not None:
        yield InputError("data.scale", "given beside data.nucleus_diameter", "give one of the two")
    if data["kind"] != "folder":
        if given := [key for key, value in data.items() if key != "kind" and value is not None]:
            yield InputError(f"data.{given[0]}", "given, but data.kind is bbbc038", "set data.kind to folder")
        return
    for key, what in (("images", "your images"), ("masks", "their binary masks")):
        if data[key] is None:
            yield InputError(f"data.{key}", "missing with data.kind folder", f"name the folder of {what}")
    for index, run in enumerate(config["runs"]):
        where, variant = f"runs[{index}].variant", config["variants"][run["variant"]]
        if variant["model"] == "maskrcnn":
            problem = f"{run['variant']} learns from instance masks, which a data set of kind folder has not"
            yield InputError(where, problem, "leave the run out")
        if variant.get("alpha", 0) and data["counts"] is None:
            remedy = "set data.counts to a CSV file image,count (or to components), or leave the run out"
            yield InputError(where, f"{run['variant']} has a count loss, but data.counts is null", remedy)


def _settings_faults(settings: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[InputError]:
    """Faults of sections that stand in the config or in a variant."""
    where = settings["where"]
    for section, key in (("input", "percentiles"), ("augmentation", "gamma"), ("augmentation", "scale")):
        low, high = settings.get(section, {}).get(key, (0, 1))
        if low > high or (low == high and section == "input"):
            yield InputError(f"{where}{section}.{key}", f"{low} is not below {high}", "write [low, high]")
    grid = settings.get("network", {}).get("grid")
    if grid and config["tiles"]["size"] % grid:
        problem = f"{grid} does not divide tiles.size, {config['tiles']['size']}"
        yield InputError(f"{where}network.grid", problem, "32 is the paper's")


def dotted(path: Iterable[str | int]) -> str:
    """A key's place as people write it: ``runs[0].seeds``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "config"


def _join(parent: str, name: str) -> str:
    return name if parent == "config" else f"{parent}.{name}"


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close: Sequence[str] = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"


def _meaning(schema: Mapping[str, Any], name: str) -> str:
    described = schema.get("properties", {}).get(name, {}).get("description")
    return (
        described.rstrip(".")
        if described
        else "config/config.yaml has every key; lay your file over it with --configfile"
    )


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
