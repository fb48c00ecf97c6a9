"""Are published results still what this code, configuration and data would make?

Each check compares what a result says of itself with what is here now; nothing is trained.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..provenance import changed_since, code_digest, code_digests, file_digest
from ..settings import run_names
from .configuration import differences, few, relevant
from .lines import DIFFERS, SAME, UNKNOWN, Line, Now
from .published import Published
from .restored import changed_settings

OLD = "published before this was recorded"
CODE = ("code of the tables", "code of the figures", "code of the analysis", "code of the prediction")


def check(published: Published, now: Now) -> list[Line]:
    """All checks of a published data set, the whole first, then run by run."""
    lines = [
        _config(published, now),
        _files(published),
        _versions(published, "", published.made_with().get("versions"), now),
        *_code(published, now),
        _tiles(published, now, "", ("test", "whole"), "data of the test"),
    ]
    lines.insert(1, _tables(published, now, lines))
    for run in published.runs:
        lines += _run(published, now, run)
    return lines


def _config(published: Published, now: Now) -> Line:
    def line(status: str, why: str = "") -> Line:
        return Line(published.name, "", "configuration", status, why)

    if published.config is None:
        return line(UNKNOWN, "there is no config.yaml")
    if now.config is None:
        return line(UNKNOWN, now.no_config)
    told = differences(relevant(published.config), relevant(now.config))
    return line(DIFFERS, few(told)) if told else line(SAME)


def _files(published: Published) -> Line:
    recorded = published.made.get("files")
    if recorded is None:
        return Line(published.name, "", "files", UNKNOWN, OLD)
    told = []
    for name, digest in recorded.items():
        path = published.folder / name
        if not path.is_file():
            told.append(f"{name} is missing")
        elif file_digest(path) != digest:
            told.append(f"{name} is not the file that was published")
    told += [f"{name} was not published with them" for name in published.files() if name not in recorded]
    status = DIFFERS if told else SAME
    return Line(published.name, "", "files", status, few(told), broken=bool(told))


def _versions(published: Published, run: str, recorded: Mapping[str, str] | None, now: Now) -> Line:
    if not recorded:
        return Line(published.name, run, "versions", UNKNOWN, OLD)
    told = [
        f"{name} was {version}, is {now.versions.get(name, 'not installed')}"
        for name, version in recorded.items()
        if now.versions.get(name) != version
    ]
    return Line(published.name, run, "versions", DIFFERS if told else SAME, few(told))


def _code(published: Published, now: Now) -> Iterator[Line]:
    recorded = published.made.get("code") or {}
    for part in CODE:
        name = part.removeprefix("code of the ")
        if name not in recorded:
            yield Line(published.name, "", part, UNKNOWN, OLD)
        elif recorded[name] == now.code[name]:
            yield Line(published.name, "", part, SAME)
        else:
            since = _commit(published.made_with().get("revision"))
            yield Line(published.name, "", part, DIFFERS, f"changed since {since}")


def _tiles(published: Published, now: Now, run: str, sets: tuple[str, ...], part: str) -> Line:
    """The sets of tiles, as far as they matter."""
    recorded = published.made.get("tiles")
    if recorded is None:
        return Line(published.name, run, part, UNKNOWN, OLD)
    if now.tiles is None:
        return Line(published.name, run, part, UNKNOWN, now.no_data)
    told = changed_tiles(published, now.tiles, run, sets)
    return Line(published.name, run, part, DIFFERS if told else SAME, few(told))


def changed_tiles(
    published: Published, tiles: Mapping[str, Mapping[str, str]], run: str, sets: Sequence[str]
) -> list[str]:
    """Files of the sets of tiles that are not those that were published, which must be recorded.

    Args:
        published: a published data set.
        tiles: those at hand, of ``record.tile_digests``.
        run: that they matter to: training of the weakly supervised is not given the instance labels; empty:
            all of them matter.
        sets: names of sets.
    """
    blind = bool(run) and published.runs[run].get("supervision") != "instances"
    return [
        f"tiles/{name}/{file}"
        for name in sets
        for file, digest in published.made["tiles"][name].items()
        if digest != tiles[name].get(file)
        and not (blind and name in ("train", "val") and file == "instances.npy")
    ]


def _tables(published: Published, now: Now, others: list[Line]) -> Line:
    if now.tables is None:
        return Line(published.name, "", "tables", UNKNOWN, now.no_tables)
    told = []
    for again in sorted(path for path in now.tables.iterdir() if path.is_file()):
        there = published.folder / again.name
        if not there.is_file():
            told.append(f"{again.name} is missing")
        elif there.read_bytes() != again.read_bytes():
            told.append(_first_difference(there, again))
    # where code, versions, data and configuration are told to be these, there is no excuse
    honest = all(line.status == SAME for line in others if line.part not in ("files", *CODE[1:]))
    status = DIFFERS if told else SAME
    return Line(published.name, "", "tables", status, few(told), broken=bool(told) and honest)


def _first_difference(there: Path, again: Path) -> str:
    """In a table the first cell, in other files that they differ."""
    if again.suffix != ".csv":
        return f"{there.name} differs"
    then, now = (
        list(csv.reader(io.StringIO(path.read_text(encoding="utf-8", errors="replace"))))
        for path in (there, again)
    )
    for number, (old, new) in enumerate(zip(then, now, strict=False)):
        for column, (a, b) in enumerate(zip(old, new, strict=False)):
            if a != b:
                head = now[0][column] if column < len(now[0]) else f"column {column + 1}"
                return f"{there.name}, line {number + 1}, {head}: {a} published, {b} made again"
    return f"{there.name} has {len(then)} lines, {len(now)} made again"


def _run(published: Published, now: Now, run: str) -> Iterator[Line]:
    told = published.runs[run]
    yield _settings(published, now, run)
    yield _training_code(published, now, run)
    # of a run that was put back before it was published again, the code of before
    if (code := told.get("prediction_code")) is not None:
        why = "" if code == now.code["prediction"] else "predicted by the code of an earlier publication"
        yield Line(published.name, run, "code of the prediction", DIFFERS if why else SAME, why)
    yield _versions(published, run, told.get("versions"), now)
    line = _tiles(published, now, run, ("train", "val"), "data")
    yield _encoder(published, now, run, line) if line.status == SAME else line


def _settings(published: Published, now: Now, run: str) -> Line:
    settings = published.runs[run].get("settings")
    if settings is None:
        return Line(published.name, run, "settings", UNKNOWN, "there is no model.json of it")
    if now.config is None:
        return Line(published.name, run, "settings", UNKNOWN, now.no_config)
    if run not in run_names(now.config):
        return Line(published.name, run, "settings", DIFFERS, "the configuration has no such run any more")
    changed = changed_settings(settings, now.config, run)
    return Line(published.name, run, "settings", DIFFERS if changed else SAME, few(changed))


def _training_code(published: Published, now: Now, run: str) -> Line:
    told = published.runs[run]
    if not told.get("code"):
        return Line(published.name, run, "code", UNKNOWN, OLD)
    kind = told.get("model")
    if kind not in now.training:
        return Line(published.name, run, "code", UNKNOWN, f"no kind of network is called {kind} here")
    files = now.training[kind]
    if told["code"] == code_digest(*files):
        return Line(published.name, run, "code", SAME)
    recorded = ((published.made.get("code") or {}).get("training") or {}).get(kind)
    # the files as they were, where they are recorded and the weights are of them; else git may know them
    if recorded is not None and told.get("same_code"):
        present = code_digests(*files)
        changed = sorted(name for name in {*recorded, *present} if recorded.get(name) != present.get(name))
    else:
        changed = changed_since(told["revision"], *files) if told.get("revision") else None
    since = f"trained by other code, {_commit(told.get('revision'))}"
    return Line(published.name, run, "code", DIFFERS, f"{since}; {_changed(changed)}")


def _encoder(published: Published, now: Now, run: str, line: Line) -> Line:
    """A line on a run's data, with the pretrained weights that it began with."""
    told = published.runs[run]
    start = ((told.get("settings") or {}).get("encoder") or {}).get("weights")
    encoder = told.get("encoder")
    recorded = (published.made.get("encoders") or {}).get(encoder)
    if start != "imagenet" or recorded is None:
        return line
    here = (now.encoders or {}).get(encoder)
    if here is None:
        why = f"the tiles are the same; the pretrained weights of {encoder} are not at hand"
        return Line(published.name, run, line.part, UNKNOWN, why)
    return (
        line if here == recorded else Line(published.name, run, line.part, DIFFERS, f"weights of {encoder}")
    )


def _changed(files: Sequence[str] | None) -> str:
    if files is None:
        return "which files changed since is not known"
    # scripts lie beside the library
    names = [name.removeprefix("../") for name in files]
    return f"changed since: {few(names)}" if names else "the list of files that count has changed"


def _commit(revision: str | None) -> str:
    return f"commit {revision}" if revision else "a commit that is not told"
