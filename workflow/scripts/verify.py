"""Rule verify: are the published results still what this code, configuration and data would make?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from canonuclei.logs import log_to
from canonuclei.provenance import PACKAGES, file_digest, versions
from canonuclei.settings import overlay, parse_run, plain, run_names, run_settings
from canonuclei.verification.checks import check
from canonuclei.verification.configuration import relevant
from canonuclei.verification.lines import UNKNOWN, Line, Now
from canonuclei.verification.published import Published, read_published
from canonuclei.verification.record import tile_digests
from canonuclei.verification.report import failed, terminal, write_lines

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

NOT_TOLD = "made.json, which would tell what made it, is missing"


def main(
    folder: Path, config: dict[str, Any], code: dict[str, Any], results: Path, here: dict[str, Any]
) -> None:
    """Check every published data set; ``verify.csv`` and ``verify.md`` are written beside the folder of them.

    Args:
        folder: ``results/published``.
        config: the one at hand; data sets of another are checked against the files that they name.
        code: as of ``record_of``.
        results: ``results/<dataset>`` of the configuration at hand.
        here: ``tiles`` and ``tables``: whether they were made for this; ``no_data``: why not;
            ``repository``: where the configuration's files lie; ``encoders``: files of pretrained weights.
    """
    lines, commands = [], {}
    for each in sorted(path for path in folder.glob("*") if path.is_dir()):
        published = read_published(each)
        if published is None:
            told = "measured once; about.json tells by what" if (each / "about.json").is_file() else NOT_TOLD
            lines.append(Line(each.name, "", "all", UNKNOWN, told))
            continue
        if published.name == config["dataset"]:
            lines += check(published, now_here(config, code, results, here))
        else:
            lines += check(published, now_elsewhere(published, code, here))
        commands[each.name] = published.command("publish")
    write_lines(lines, folder.parent / "verify.csv", folder.parent / "verify.md")
    print(terminal(lines, commands) if lines else f"Nothing is published in {folder}.")
    print(f"\nAll lines: {folder.parent / 'verify.csv'} and verify.md")
    if failed(lines, config["strict"]):
        raise SystemExit(1)


def now_here(config: dict[str, Any], code: dict[str, Any], results: Path, here: dict[str, Any]) -> Now:
    """What the data set of the configuration at hand is compared with."""
    no_tables = here["no_data"] if not here["tiles"] else "its tables of nuclei are not published"
    return Now(
        config=config,
        code=code,
        training=code["training"],
        versions=versions(*PACKAGES),
        tiles=tile_digests(results / "tiles") if here["tiles"] else None,
        encoders={Path(path).stem: file_digest(path) for path in here["encoders"] if Path(path).is_file()},
        tables=results / "from_nuclei" if here["tables"] else None,
        no_data=here["no_data"],
        no_tables=no_tables,
    )


def now_elsewhere(published: Published, code: dict[str, Any], here: dict[str, Any]) -> Now:
    """What a data set is compared with whose configuration is not the one at hand: without its data."""
    config, problem = merged(published, Path(here["repository"]))
    no_data = f"not looked at in this call; to do so: {published.command('verify')}"
    return Now(
        config=config,
        code=code,
        training=code["training"],
        versions=versions(*PACKAGES),
        no_config=problem,
        no_data=no_data,
        no_tables=no_data,
    )


def merged(published: Published, repository: Path) -> tuple[dict[str, Any] | None, str]:
    """The configuration that a data set's files give now; None, and why, where they do not."""
    if not published.configfiles:
        return None, "it does not tell its configuration's files: name them after --configfile"
    config: dict[str, Any] = {}
    for name in published.configfiles:
        file = next((path for path in (Path(name), repository / name) if path.is_file()), None)
        if file is None:
            return None, f"its configuration's file {name} is not here"
        config = overlay(config, yaml.safe_load(file.read_text(encoding="utf-8")))
    config = overlay(config, published.made.get("overrides") or {})
    try:
        relevant(config)
        for run in run_names(config):
            run_settings(config, *parse_run(run)[:2])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return None, f"its files give no whole configuration any more ({type(error).__name__}: {error})"
    return config, ""


if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        main(
            Path(snakemake.params.published),
            plain(snakemake.config),
            plain(snakemake.params.code),
            Path(snakemake.params.results),
            plain(snakemake.params.here),
        )
