"""Tables and configurations to be spoiled, and what must hold of what is read of them."""

import copy
import json
from functools import cache
from pathlib import Path
from random import Random

import yaml

from canonuclei.data.folder_tables import SIDES, read_counts, read_split
from canonuclei.data.manifest import COLUMNS, check_index, expected_files, load_expected, read_table
from canonuclei.data.split import make_split
from canonuclei.errors import InputError
from canonuclei.settings import overlay, run_names, run_settings
from canonuclei.validation import plain, validate_config
from conftest import REPOSITORY
from fuzz_child import Reader
from fuzz_mutations import spoiled, spoiled_text, spoiled_value

STEMS = ["a", "b 1", "Zell-Ü"]
COUNTS = "image,count\na,3\nb 1.tif,12\nZell-Ü.ome.tif,0\n"
SPLIT = "image;split\na.png;train\nb 1;val\nZell-Ü;test\n"
LISTED = "image_id,subset,split\na,stage1_train,train\nb,stage1_train,val\nc,stage1_test,test\n"
INDEX = [
    {"image_id": name, "subset": subset, "width": 20, "height": 24, "nuclei": 2, "digest": "0" * 64}
    for name, subset in (("a", "stage1_train"), ("b", "stage1_train"), ("c", "stage1_test"))
]
MANIFEST = ",".join(COLUMNS) + "\n" + "".join(
    f"{row['image_id']},{row['subset']},20,24,2,{row['digest']},tissue,\n" for row in INDEX
)  # fmt: skip
EXPECTED = """manifest: manifest.csv
subsets:
  stage1_train: {images: 2, nuclei: 4, warn_only: [nuclei]}
  stage1_test: {images: 1}
"""
ALIASES = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(9))


def text_of(text: str, separator: str):
    """Spoil a table's text."""
    return lambda random: (spoiled_text(text, random, separator), None)


def counted(path: Path) -> str:
    """Counts of images."""
    counts = read_counts(path, STEMS)
    assert list(counts) == STEMS or set(counts) == set(STEMS)
    assert all(type(count) is int and 0 <= count <= 10**8 for count in counts.values())
    return str(counts)


def sides(path: Path) -> str:
    """A split of one's own."""
    split = read_split(path, STEMS)
    assert set(split) == set(STEMS) and set(split.values()) == set(SIDES)
    return str(split)


def listed(path: Path) -> str:
    """The list of the protocol stage1."""
    rows = make_split(INDEX, "stage1", path)
    assert {row["image_id"] for row in rows} == {"a", "b", "c"} and {row["split"] for row in rows} == set(
        SIDES
    )
    return str(rows)


def manifest(path: Path) -> str:
    """A manifest, with which the index is compared."""
    (path.parent / "expected.yaml").write_text(EXPECTED)
    rows = copy.deepcopy(INDEX)
    check_index(rows, "source", path.parent / "expected.yaml")
    # a subset that it does not list at all is not compared
    listed = {row["image_id"] for row in read_table(path)}
    assert listed <= {"a", "b", "c"} and listed
    return str(rows)


def expected(path: Path) -> str:
    """Expected counts."""
    found = load_expected(path)
    assert all(isinstance(name, str) for name in expected_files(path))
    assert isinstance(found["subsets"], dict)
    (path.parent / "manifest.csv").write_text(MANIFEST)
    check_index(copy.deepcopy(INDEX), "source", path)
    return ""


@cache
def sound_configs() -> list[bytes]:
    """The paper's, the demo's and that of own images, whole."""
    read = {each.stem: yaml.safe_load(each.read_text()) for each in (REPOSITORY / "config").glob("*.yaml")}
    layers = (
        {},
        read["demo"],
        read["folder"] | {"data": read["folder"]["data"] | {"images": "x", "masks": "y"}},
    )
    return [json.dumps(overlay(read["config"], layer)).encode() for layer in layers]


def spoiled_config(random: Random) -> tuple[bytes, int | None]:
    """Values of a configuration, its text, or YAML that grows as it is read."""
    config = json.loads(random.choice(sound_configs()))
    if random.random() < 0.8:
        return json.dumps(spoiled_value(config, random)).encode(), None
    text = yaml.safe_dump(config, allow_unicode=True)
    if random.random() < 0.1:
        return (ALIASES + text + "x: *a8\n").encode(), None
    return spoiled(text.encode(), random), None


def configured(path: Path) -> str:
    """A configuration as Snakemake hands it on, and the settings of its runs."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except Exception as error:  # Snakemake's own reader, and its own error
        raise InputError(path, f"no YAML: {type(error).__name__}", "mend it") from None
    if not isinstance(config, dict):
        raise InputError(path, "no mapping", "mend it")
    validate_config(config)
    plain(config)
    for run in run_names(config):
        assert "/" not in run and "\n" not in run
        variant, encoder, seed = run.rsplit("_", 2)
        settings = run_settings(config, variant, encoder)
        assert int(seed[1:]) >= 0 and settings["alpha"] >= 0 and settings["tile_size"] % 16 == 0
    assert "/" not in config["dataset"] and not config["dataset"].startswith(".")
    return ""


READERS = {
    "counts.csv": Reader(text_of(COUNTS, ","), lambda: [COUNTS.encode()], counted, "counts.csv"),
    "split of own images": Reader(text_of(SPLIT, ";"), lambda: [SPLIT.encode()], sides, "split.csv"),
    "split list": Reader(text_of(LISTED, ","), lambda: [LISTED.encode()], listed, "list.csv"),
    "manifest": Reader(text_of(MANIFEST, ","), lambda: [MANIFEST.encode()], manifest, "manifest.csv"),
    "expected counts": Reader(text_of(EXPECTED, " "), lambda: [EXPECTED.encode()], expected, "expected.yaml"),
    "config": Reader(spoiled_config, sound_configs, configured, "config.yaml"),
}
