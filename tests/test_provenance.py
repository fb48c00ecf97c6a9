"""What made the results is told: beside them, with what is published, and of which code."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

import publish as publish_script
from canonuclei import provenance
from canonuclei.settings import overlay
from canonuclei.verification.record import config_origin, published_record
from verify_standins import Finished, write

pytest_plugins = ("verify_standins",)  # its fixtures


def test_provenance_tells_what_made_the_results_and_is_the_same_when_made_again(finished: Finished):
    first, second = finished.record(), finished.record()
    assert set(first.pop("made")) == {"finished", "revision", "processor", "versions"}
    del second["made"]
    assert first == second
    assert first["config"] == finished.config and first["configfiles"][-1] == "mine.yaml"
    run = first["runs"]["ours-cnt_tiny_s1"]
    assert run["seed"] == 1 and run["seconds"] == 0.1 and run["processor"] == "a processor"
    assert run["weights"] == provenance.file_digest(
        finished.results / "runs/ours-cnt_tiny_s1/model.safetensors"
    )
    assert [entry["bytes"] for entry in first["inputs"].values()] == [len("images")]
    assert set(first["tiles"]) == {"train", "val", "test", "whole"} and len(first["tiles"]["val"]) == 5
    assert set(first["code"]["training"]["canonical"]) == {"training/loop.py", "models/losses.py"}
    assert set(first["results"]) == {"table1.csv", "table1.md"}


def test_what_is_published_names_no_place_and_no_own_file(finished: Finished):
    record = finished.record()
    record["overrides"] = {
        "source": "my/folder",
        "data": {"images": "my/patients", "channel": 1},
        "evaluation": {"labels": {"Tool": "my/tool"}, "bootstrap": 9},
        "strict": True,
    }
    told = published_record(record, folder=True)
    assert told["overrides"] == {"data": {"channel": 1}, "evaluation": {"bootstrap": 9}, "strict": True}
    assert told["inputs"]["own images"]["files"] == 1
    assert "my/" not in json.dumps(told) and str(finished.root) not in json.dumps(told)
    assert list(published_record(record, folder=False)["inputs"]) == ["archive.zip"]


def test_the_published_configuration_names_no_place(repository: Path):
    config = yaml.safe_load((repository / "config" / "config.yaml").read_text())
    config = overlay(config, yaml.safe_load((repository / "config" / "folder.yaml").read_text()))
    data = {"images": "/my/images", "masks": "/my/masks", "counts": "/my/counts.csv", "split": "/my/a.csv"}
    places = {"source": "/my/files", "data": data, "evaluation": {"labels": {"Tool": "/my/tool"}}}
    told = publish_script.without_machine(overlay(config, places))
    assert "/my" not in yaml.safe_dump(told)
    assert told["evaluation"]["labels"] == {"Tool": "given"} and told["data"]["split"] == "given"
    counted = publish_script.without_machine(overlay(config, {"data": data | {"counts": "components"}}))
    assert counted["data"]["counts"] == "components"


def test_where_a_configuration_comes_from(tmp_path: Path, monkeypatch):
    class Settings:
        configfiles = [tmp_path / "repository" / "config" / "demo.yaml", tmp_path / "desk" / "mine.yaml"]
        config = {"training": {"epochs": 1}}

    write(Settings.configfiles[0], "")
    write(tmp_path / "run" / "here.yaml", "")
    monkeypatch.chdir(tmp_path / "run")
    Settings.configfiles.append(Path("here.yaml"))
    told = config_origin(Settings, tmp_path / "repository")
    assert told["configfiles"] == ["config/config.yaml", "config/demo.yaml", "mine.yaml", "here.yaml"]
    assert told["overrides"] == {"training": {"epochs": 1}}


def test_code_that_is_no_part_of_the_repository_has_no_commit(tmp_path: Path):
    """Installed into an environment within somebody's own repository, it is not of that one's commit."""
    library = tmp_path / "environment" / "canonuclei"
    shutil.copytree(
        provenance.LIBRARY, library, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__")
    )
    write(tmp_path / "own.txt", "mine")
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for call in (["init", "-q"], ["add", "own.txt"], ["commit", "-q", "-m", "mine"]):
        subprocess.run([*git, *call], cwd=tmp_path, check=True)
    script = "from canonuclei.provenance import code_origin; import json; print(json.dumps(code_origin()))"
    call = subprocess.run(
        [sys.executable, "-c", script], cwd=library.parent, capture_output=True, text=True, check=True
    )
    told = json.loads(call.stdout)
    assert told["revision"] is None and len(told["code"]) == 16


def test_files_that_changed_since_a_commit(copied: Path):
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for call in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *call], cwd=copied, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=copied, capture_output=True, text=True).stdout
    commit = commit.strip()[:12]
    losses, loop = copied / "models" / "losses.py", copied / "training" / "loop.py"
    loop.write_text(f"# only a remark\n{loop.read_text()}")
    losses.write_text(f"{losses.read_text()}\nNEW = 1\n")
    provenance.changed_since.cache_clear()
    assert provenance.changed_since(commit, "models/losses.py", "training/loop.py") == ("models/losses.py",)
    assert provenance.changed_since("0123456789ab", "models/losses.py") is None
    assert provenance.changed_since("--output=x", "models/losses.py") is None
