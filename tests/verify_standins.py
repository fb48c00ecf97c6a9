"""A finished and published run whose files hold what real ones do, and are made in no time."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import provenance as provenance_script
import publish as publish_script
import verify as verify_script
from canonuclei import provenance
from canonuclei.files import write_json
from canonuclei.provenance import code_digest, versions
from canonuclei.settings import overlay, parse_run, run_names, run_settings, training_settings
from canonuclei.verification.record import SETS, TILE_FILES

REPOSITORY = Path(__file__).resolve().parent.parent
TRAINING = {
    "canonical": ("training/loop.py", "models/losses.py"),
    "semantic": ("models/semantic.py",),
    "deeplabv3": ("models/deeplab.py",),
    "maskrcnn": ("models/maskrcnn.py",),
}
OVERLAY = {
    "dataset": "mine",
    "source": "simulated",
    "split": {"expected": None},
    "encoder": {"weights": "none"},
    "figures": {"encoder": "tiny"},
    "runs": [
        {"variant": "ours-cnt", "encoder": "tiny", "seeds": [0, 1]},
        {"variant": "semantic", "encoder": "tiny", "seeds": [0]},
    ],
}
ROWS = "approach,f1_50\nOurs+L_cnt,0.7519\nSemantic+CC,0.6\n"


@dataclass
class Finished:
    """A folder with results/mine, and results/published/mine once it is published."""

    root: Path

    @property
    def results(self) -> Path:
        return self.root / "results" / "mine"

    @property
    def published(self) -> Path:
        return self.root / "results" / "published" / "mine"

    @property
    def config(self) -> dict[str, Any]:
        """As the files give it now."""
        base = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
        return overlay(base, yaml.safe_load((self.root / "mine.yaml").read_text()))

    def made(self) -> dict[str, Any]:
        return json.loads((self.published / "made.json").read_text())

    def finish(self, **changed: Any) -> None:
        """Write what training, tiling and tabulating leave, and provenance.json."""
        (self.root / "mine.yaml").write_text(yaml.safe_dump({**OVERLAY, **changed}))
        for part in SETS:
            for name in TILE_FILES:
                write(self.results / "tiles" / part / name, f"{part} {name}")
        write(self.results / "table1.csv", ROWS)
        write(self.results / "table1.md", "the table\n")
        write(self.root / "archive.zip", "images")
        for run in run_names(self.config):
            self.train(run)
        self.record()

    def train(self, run: str) -> None:
        variant, encoder, seed = parse_run(run)
        model = self.config["variants"][variant]["model"]
        settings = training_settings(run_settings(self.config, variant, encoder), model)
        told = {"run": run, "model": model, "encoder": encoder, "seed": seed, "supervision": "masks"}
        told |= {"steps": 1, "seconds": 0.1, "threads": 1, "device": "cpu", "processor": "a processor"}
        told |= {"versions": versions("torch", "numpy"), "revision": None}
        told |= {"code": code_digest(*TRAINING[model]), "settings": settings}
        write_json(self.results / "runs" / run / "model.json", told)
        write(self.results / "runs" / run / "model.safetensors", run)

    def record(self) -> dict[str, Any]:
        origin = {"configfiles": ["config/config.yaml", "mine.yaml"], "overrides": {"source": "simulated"}}
        provenance_script.main(
            self.results / "provenance.json",
            self.config,
            origin,
            self.code(),
            [str(self.root / "archive.zip")],
            [],
            [str(self.results / name) for name in ("table1.csv", "table1.md")],
        )
        return json.loads((self.results / "provenance.json").read_text())

    def code(self) -> dict[str, Any]:
        return {
            "tables": code_digest("evaluation/tables.py"),
            "figures": code_digest("figures/style.py"),
            "analysis": code_digest("analysis/page.py"),
            "prediction": code_digest("prediction.py"),
            "training": TRAINING,
        }

    def publish(self) -> None:
        names = ["table1.csv", "table1.md", *(f"runs/{run}/model.json" for run in run_names(self.config))]
        code = {}
        for run in run_names(self.config):
            model = self.config["variants"][parse_run(run)[0]]["model"]
            code[run] = code_digest(*TRAINING[model])
        files = [self.results / name for name in names]
        publish_script.main(files, self.results / "provenance.json", self.published, self.config, code)

    def verify(
        self, dataset: str = "mine", strict: bool = False, tables: bool = True
    ) -> list[dict[str, str]]:
        """The lines of verify.csv; raises SystemExit where the call fails.

        Args:
            dataset: of the configuration at hand; another one than "mine" looks at no data.
            strict: as the key.
            tables: whether the tables were made again, into results/mine/from_nuclei.
        """
        config = {**self.config, "dataset": dataset, "strict": strict}
        here = {"tiles": dataset == "mine", "tables": tables and dataset == "mine", "no_data": "not at hand"}
        here |= {"repository": str(self.root), "encoders": []}
        (self.root / "config").mkdir(exist_ok=True)
        base = (REPOSITORY / "config" / "config.yaml").read_text()
        (self.root / "config" / "config.yaml").write_text(base)
        verify_script.main(self.published.parent, config, self.code(), self.results, here)
        return self.lines()

    def lines(self) -> list[dict[str, str]]:
        with open(self.root / "results" / "verify.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def tables_again(self, rows: str = ROWS) -> None:
        """What table1_from_nuclei makes of the published nuclei."""
        write(self.results / "from_nuclei" / "table1.csv", rows)
        write(self.results / "from_nuclei" / "table1.md", "the table\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    """Finished, published, and its tables made again from the published nuclei."""
    one = Finished(tmp_path)
    one.finish()
    one.publish()
    one.tables_again()
    return one


@pytest.fixture
def copied(tmp_path: Path, monkeypatch) -> Path:
    """The library's text in another place, to be edited there."""
    library = tmp_path / "library"
    shutil.copytree(
        provenance.LIBRARY, library, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__")
    )
    monkeypatch.setattr(provenance, "LIBRARY", library)
    return library
