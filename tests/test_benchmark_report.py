"""The benchmark: how its tables are told, beside the targets and in the README."""

from pathlib import Path

import pandas as pd
import pytest

import speed_table
from canonuclei.benchmarks.report import about_line, read_tables, readme_section
from canonuclei.benchmarks.suite import MACHINE_COLUMNS
from canonuclei.benchmarks.targets import COLUMNS, GROWTH, OF_ROW, TARGETS, Tables, target_table
from canonuclei.errors import InputError
from canonuclei.files import write_json
from canonuclei.segmentation.tiling import OVERLAP, Grid


def tables_of(ratio: float, share: float) -> Tables:
    """Tables with two of the figures that targets want."""
    row = dict.fromkeys(COLUMNS) | {"what": "training_step", "encoder": "resnet50", "ratio": ratio}
    machine = pd.DataFrame([("loss_share_of_step", "resnet50", share, "%")], columns=MACHINE_COLUMNS)
    segment = pd.DataFrame([dict.fromkeys(COLUMNS) | {"grid": 512, "fast_ms": 700.0, "fast_mib": 30.0}])
    profile = pd.DataFrame(columns=[*OF_ROW, "operation", "share"])
    return Tables(pd.DataFrame([row]), segment, machine, profile)


@pytest.mark.parametrize(
    ("ratio", "share", "verdicts"),
    [
        (4.5, 4.9, ["aim reached", "aim reached"]),
        (3.0, 9.9, ["reached", "reached"]),
        (2.9, 10, ["**missed**", "**missed**"]),
    ],
)
def test_targets_are_told_as_reached_or_missed(ratio: float, share: float, verdicts: list[str]):
    lines = target_table(tables_of(ratio, share)).splitlines()[2:]
    assert len(lines) == len(TARGETS)
    told = [line for line in lines if "not measured" not in line]
    assert [line.split("|")[-2].strip() for line in told] == verdicts
    assert "training step, ResNet-50" in told[0] and "under 10 %" in told[1]


def test_prediction_is_linear_where_its_time_grows_as_its_tiles():
    # as the product lays them
    tiles = [len(Grid(side, side, side, side, 1.0, 128, OVERLAP).tiles()) for side in (512, 1024)]
    assert pytest.approx(tiles[1] / tiles[0]) == GROWTH
    verdicts = []
    for growth in (4.5, 5.0, 5.1):
        rows = [("prediction", "resnet50", side, ms) for side, ms in ((512, 500.0), (1024, 500.0 * growth))]
        table = pd.DataFrame(rows, columns=["what", "encoder", "grid", "fast_ms"]).reindex(columns=COLUMNS)
        told = target_table(tables_of(1, 1)._replace(benchmarks=table))
        verdicts += [line.split("|")[-2].strip() for line in told.splitlines() if "linear in area" in line]
    assert verdicts == ["aim reached", "reached", "**missed**"]


def test_peak_memory_is_told_in_gigabytes_of_ten_to_the_ninth():
    machine = pd.DataFrame([("training_peak", "tiny", 1000.0, "MiB")], columns=MACHINE_COLUMNS)
    told = target_table(tables_of(1, 1)._replace(machine=machine))
    assert next(line for line in told.splitlines() if "peak memory" in line).endswith(
        "1.05 GB | aim reached |"
    )


def test_tables_are_read_again_and_told(tmp_path: Path):
    tables = tables_of(3.5, 4)
    for name in Tables._fields:
        getattr(tables, name).to_csv(tmp_path / f"{name}.csv", index=False)
    about = {"processor": "A processor", "threads": 2, "revision": "abc", "run": "r", "dataset": "d"}
    about |= {"compositing": "compiled"}
    write_json(tmp_path / "about.json", about | {"repeats": 5, "minutes": 20.5, "versions": {"torch": "2"}})
    read, told = read_tables(tmp_path)
    assert target_table(read) == target_table(tables)
    assert speed_table.section(tmp_path) == readme_section(read, about_line(told))
    assert "A processor, 2 threads, without a GPU, torch 2, compositing compiled, commit abc" in (
        speed_table.section(tmp_path)
    )
    assert "| 512×512 px | 0.7 s | 30 MiB |" in speed_table.section(tmp_path)
    (tmp_path / "machine.csv").unlink()
    with pytest.raises(InputError, match="no benchmark can be read"):
        read_tables(tmp_path)


def test_the_readmes_table_is_in_step():
    assert speed_table.main(check=True) == 0, "run: make docs"
