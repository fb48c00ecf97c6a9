"""Rule publish: copy a finished run's small files to results/published/, and say what made them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from canonuclei.files import atomic_path, read_json, write_json
from canonuclei.logs import log_to
from canonuclei.provenance import processor, revision, versions
from canonuclei.publish import publish
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "scikit-image", "pandas", "snakemake")


def main(
    files: list[Path], results: Path, published: Path, config: dict[str, Any], code: dict[str, str]
) -> None:
    """Copy, then write ``made.json`` (revision, versions, processor, runs) and ``config.yaml``."""
    kept = publish(files, results, published)
    runs = {}
    for description in (path for path in files if path.name == "model.json"):
        told = read_json(description)
        keys = ("seed", "steps", "seconds", "threads", "processor", "versions", "revision", "code")
        runs[told["run"]] = {key: told.get(key) for key in keys}
        # whether this revision's code would train the same weights
        runs[told["run"]]["same_code"] = told.get("code") == code[told["run"]]
    write_json(
        published / "made.json",
        {
            "dataset": config["dataset"],
            "published": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": revision(),
            "processor": processor(),
            "versions": versions(*PACKAGES),
            "runs": runs,
        },
    )
    with atomic_path(published / "config.yaml") as temporary:
        # a folder of this machine says nothing elsewhere
        if not config["source"].startswith("https://") and config["source"] != "simulated":
            config = {**config, "source": "a folder with the published files"}
        if config["data"]["kind"] == "folder":
            config = {**config, "data": {**config["data"], "images": "own images", "masks": "own masks"}}
        temporary.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    size = sum(path.stat().st_size for path in kept)
    print(f"{published}: {many(len(kept), 'file')}, {size / 1e6:.1f} MB; look at them, then commit them")


def plain(value: Any) -> Any:
    """Mappings and lists as YAML writes them."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        results = Path(snakemake.input[0]).parent
        main(
            [Path(path) for path in snakemake.input],
            results,
            results.parent / "published" / results.name,
            plain(snakemake.config),
            dict(snakemake.params.code),
        )
