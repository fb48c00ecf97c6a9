"""Verify finds whatever is no longer what this code, this configuration and these data make."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from canonuclei import provenance
from canonuclei.errors import InputError
from canonuclei.files import write_json
from canonuclei.verification.published import Published
from verify_standins import OVERLAY, ROWS, Finished, write

REPOSITORY = Path(__file__).resolve().parent.parent
pytest_plugins = ("verify_standins",)  # its fixtures


def found(lines, status):
    """(run, part) → why, of the lines of a status."""
    return {(line["run"], line["part"]): line["why"] for line in lines if line["status"] == status}


def test_what_is_still_so_is_the_same_in_every_line(finished: Finished, capsys):
    lines = finished.verify(strict=True)
    assert {line["status"] for line in lines} == {"same"}
    assert {line["run"] for line in lines} == {"", "ours-cnt_tiny_s0", "ours-cnt_tiny_s1", "semantic_tiny_s0"}
    text = capsys.readouterr().out
    assert "mine: what could be checked is of this code, configuration and data, and its tables" in text
    assert "all 3 runs: the code that trains" in text
    assert "| all 3 runs: its settings | same |" in (finished.root / "results" / "verify.md").read_text()


def test_one_digit_of_a_published_table_is_found_and_fails(finished: Finished, capsys):
    table = finished.published / "table1.csv"
    table.write_text(table.read_text().replace("0.7519", "0.7619"))
    with pytest.raises(SystemExit) as end:
        finished.verify()
    assert end.value.code == 1
    differs = found(finished.lines(), "differs")
    assert differs == {
        ("", "files"): "table1.csv is not the file that was published",
        ("", "tables"): "table1.csv, line 2, f1_50: 0.7619 published, 0.7519 made again",
    }
    assert "mine: NOT WHAT IT SAYS: tables, files contradict" in capsys.readouterr().out
    # with its digest mended too, the nuclei still tell
    made = finished.made()
    made["files"]["table1.csv"] = provenance.file_digest(table)
    write_json(finished.published / "made.json", made)
    with pytest.raises(SystemExit):
        finished.verify()
    assert set(found(finished.lines(), "differs")) == {("", "tables")}


def test_lost_and_added_files_are_found(finished: Finished):
    (finished.published / "table1.md").unlink()
    write(finished.published / "table2.csv", ROWS)
    with pytest.raises(SystemExit):
        finished.verify("another")
    why = found(finished.lines(), "differs")[("", "files")]
    assert why == "table1.md is missing; table2.csv was not published with them"


def test_an_edited_config_is_stale_and_fails_only_if_asked(finished: Finished, capsys):
    (finished.root / "mine.yaml").write_text(
        yaml.safe_dump({**OVERLAY, "training": {"max_lr": 0.033}, "segment": {"threshold": 0.6}})
    )
    for dataset in ("mine", "another"):
        differs = found(finished.verify(dataset), "differs")
        # every run trains by it; how images are segmented later makes no result of these
        assert set(differs) == {
            ("", "configuration"),
            *((run, "settings") for run in finished.made()["runs"]),
        }
        assert differs[("", "configuration")].startswith("training.max_lr was ")
        assert differs[("", "configuration")].endswith(", is 0.033")
    assert "mine: stale: configuration, settings differ" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        finished.verify(strict=True)


def test_a_run_that_is_no_longer_asked_for_is_told(finished: Finished):
    (finished.root / "mine.yaml").write_text(yaml.safe_dump({**OVERLAY, "runs": OVERLAY["runs"][:1]}))
    differs = found(finished.verify(), "differs")
    assert differs[("semantic_tiny_s0", "settings")] == "the configuration has no such run any more"
    assert set(differs) == {("", "configuration"), ("semantic_tiny_s0", "settings")}


def test_edited_training_code_is_told_with_the_file(finished: Finished, copied: Path):
    loop = copied / "training" / "loop.py"
    source = loop.read_text()
    loop.write_text(f"# a remark changes no weights\n{source}")
    assert found(finished.verify(), "differs") == {}
    loop.write_text(f"{source}\nFASTER = True\n")
    differs = found(finished.verify(), "differs")
    assert set(differs) == {("ours-cnt_tiny_s0", "code"), ("ours-cnt_tiny_s1", "code")}
    assert "changed since: training/loop.py" in differs[("ours-cnt_tiny_s0", "code")]


def test_edited_code_of_the_tables_excuses_tables_that_differ(finished: Finished, copied: Path):
    finished.tables_again(ROWS.replace("0.6", "0.61"))
    tables = copied / "evaluation" / "tables.py"
    tables.write_text(f"{tables.read_text()}\nROUNDED = True\n")
    differs = found(finished.verify(), "differs")
    assert set(differs) == {("", "tables"), ("", "code of the tables")}


def test_other_data_are_told_by_the_set_that_changed(finished: Finished):
    write(finished.results / "tiles" / "train" / "masks.npy", "another mask")
    write(finished.results / "tiles" / "train" / "instances.npy", "which no weak run was given")
    differs = found(finished.verify(), "differs")
    assert differs == {(run, "data"): "tiles/train/masks.npy" for run in finished.made()["runs"]}
    write(finished.results / "tiles" / "whole" / "images.npy", "another image")
    assert found(finished.verify(), "differs")[("", "data of the test")] == "tiles/whole/images.npy"


def test_other_versions_are_told(finished: Finished):
    made = finished.made()
    made["made"]["versions"]["torch"] = made["runs"]["semantic_tiny_s0"]["versions"]["torch"] = "1.0"
    write_json(finished.published / "made.json", made)
    differs = found(finished.verify(), "differs")
    assert set(differs) == {("", "versions"), ("semantic_tiny_s0", "versions")}
    assert all(why.startswith("torch was 1.0, is ") for why in differs.values())


def test_without_data_and_config_it_is_said_why_nothing_could_be_checked(finished: Finished, capsys):
    lines = finished.verify("another")
    unknown = found(lines, "cannot be checked")
    assert (
        unknown[("", "tables")]
        == "not looked at in this call; to do so: snakemake verify --configfile mine.yaml"
    )
    made = finished.made()
    made["configfiles"] = ["config/config.yaml", "gone.yaml"]
    write_json(finished.published / "made.json", made)
    unknown = found(finished.verify("another"), "cannot be checked")
    assert unknown[("", "configuration")] == "its configuration's file gone.yaml is not here"
    assert "of 21 checks could not be made" in capsys.readouterr().out


def test_folders_that_no_run_made_and_damaged_ones(finished: Finished, capsys):
    write(finished.published.parent / "benchmarks" / "about.json", "{}")
    write(finished.published.parent / "notes" / "notes.md", "")
    unknown = found_by_dataset(finished.verify())
    assert "measured once" in unknown["benchmarks"] and "made.json" in unknown["notes"]
    assert "benchmarks: nothing could be checked." in capsys.readouterr().out
    write(finished.published / "made.json", "{")
    with pytest.raises(InputError, match=r"made\.json: damaged: .*publish the run again"):
        finished.verify()
    shutil.rmtree(finished.published.parent)
    finished.published.parent.mkdir()
    assert finished.verify() == []


def found_by_dataset(lines):
    return {line["dataset"]: line["why"] for line in lines if line["part"] == "all"}


def test_todays_published_results_are_told_in_plain_words(tmp_path: Path, capsys):
    """Those of older code: the run's commit is known to git, or not told at all."""
    for name in ("demo-precision", "bbbc038-stage1-short"):
        made = json.loads((REPOSITORY / "results" / "published" / name / "made.json").read_text())
        if "files" in made:
            pytest.skip("they have been published again")
        shutil.copytree(
            REPOSITORY / "results" / "published" / name, tmp_path / "results" / "published" / name
        )
    one = Finished(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(OVERLAY))
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    lines = one.verify("mine")
    code = {line["run"]: line["why"] for line in lines if line["part"] == "code"}
    assert code["mask-rcnn_resnet50_s0"].startswith("trained by other code, a commit that is not told")
    assert "trained by other code, commit 5c9f23312c03" in code["ours-cnt-fp32_tiny_s0"]
    assert {line["status"] for line in lines if line["part"] == "files"} == {"cannot be checked"}
    text = capsys.readouterr().out
    assert "bbbc038-stage1-short: stale: 7 of 7 runs were trained by other code than this" in text
    assert "made anew by: snakemake publish --configfile config/demo.yaml config/precision.yaml" in text


def test_how_to_make_some_runs_anew(tmp_path: Path):
    config = {"source": "a folder with the published files", "only": "ours_tiny_s0 ours-cnt_tiny_s0"}
    published = Published(tmp_path, {"configfiles": ["config/config.yaml", "mine.yaml"]}, config, {})
    place = "source=<folder with the published files>"
    assert published.command("publish") == (
        f"snakemake publish --configfile mine.yaml --config {place} 'only=ours_tiny_s0 ours-cnt_tiny_s0'"
    )
