"""Rule publish: copy a finished run's small files to results/published/, and say what made them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from canonuclei.files import atomic_path, read_json, write_json
from canonuclei.logs import log_to
from canonuclei.provenance import file_digest, revision
from canonuclei.publish import publish
from canonuclei.settings import plain
from canonuclei.verification.configuration import GIVEN, NOT_PLACES
from canonuclei.verification.record import published_record
from canonuclei.words import many

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main(
    files: list[Path], record: Path, published: Path, config: dict[str, Any], code: dict[str, str]
) -> None:
    """Copy, then write ``config.yaml`` and ``made.json``: what made the results, and digests of the files.

    Args:
        files: of the run, below the folder of ``record``.
        record: provenance.json.
        published: ``results/published/<dataset>``.
        config: the whole configuration.
        code: run → digest of the code that would train it now.
    """
    commit = revision()  # before its own copies make the tree differ from it
    kept = publish(files, record.parent, published)
    with atomic_path(published / "config.yaml") as temporary:
        text = yaml.safe_dump(without_machine(config), sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
    told = published_record(read_json(record), config["data"]["kind"] == "folder")
    for run, entry in told["runs"].items():
        # whether this revision's code would train the same weights
        entry["same_code"] = entry.get("code") == code[run]
    about = {
        "dataset": config["dataset"],
        "published": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": commit,
    }
    # by now all that stands there: nothing is changed, added or lost later without being found
    digests = {
        path.relative_to(published).as_posix(): file_digest(path)
        for path in [*kept, published / "config.yaml"]
    }
    write_json(published / "made.json", {**about, **told, "files": digests})
    size = sum(path.stat().st_size for path in kept)
    print(f"{published}: {many(len(kept), 'file')}, {size / 1e6:.1f} MB; look at them, then commit them")


def without_machine(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without folders of this machine, which say nothing elsewhere."""
    if not config["source"].startswith("https://") and config["source"] != "simulated":
        config = {**config, "source": "a folder with the published files"}
    data = config["data"]
    if data["kind"] == "folder":
        told = {key: GIVEN for key in ("counts", "split") if data.get(key) not in NOT_PLACES}
        config = {**config, "data": {**data, **told, "images": "own images", "masks": "own masks"}}
    if labels := config["evaluation"].get("labels"):
        config = {**config, "evaluation": {**config["evaluation"], "labels": dict.fromkeys(labels, GIVEN)}}
    return config


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        record = Path(snakemake.input.record)
        main(
            [Path(path) for path in snakemake.input if Path(path) != record],
            record,
            record.parents[1] / "published" / record.parent.name,
            plain(snakemake.config),
            dict(snakemake.params.code),
        )
