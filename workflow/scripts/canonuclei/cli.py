"""The command ``canonuclei``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .errors import one_line_errors
from .locks import alone
from .words import many


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ends with exit code 1 and one line an error where something failed.

    Args:
        arguments: in place of the command line's.
    """
    chosen = _parser().parse_args(arguments)
    # names of files may be no UTF-8; standard error is written so anyway
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    with one_line_errors():
        code = chosen.run(chosen)
    if code:
        raise SystemExit(code)


def _segment(chosen: argparse.Namespace) -> int:
    # after the arguments have been read: torch takes seconds to load
    from .segmentation.places import images_of, make_output

    images = images_of(chosen.images)
    make_output(chosen.output, images)
    with alone(chosen.output, "another canonuclei"):
        return _segment_images(chosen, images)


def _segment_images(chosen: argparse.Namespace, images: list[Path]) -> int:
    from .segmentation.batch import segment_images
    from .segmentation.segmenter import Segmenter
    from .segmentation.summary import failures, write_summary

    segmenter = Segmenter.load(chosen.model, chosen.threads)
    rows = segment_images(
        segmenter,
        images,
        chosen.output,
        explain=not chosen.no_explain,
        progress=not chosen.quiet,
        channel=chosen.channel,
        scale=chosen.scale,
        diameter=chosen.diameter,
        threshold=chosen.threshold,
        pixel_size=chosen.pixel_size,
        doubt=chosen.doubt,
    )
    if chosen.model is None:
        print(f"Embedded model: {segmenter.model.described.get('label', 'unnamed')}", file=sys.stderr)
    write_summary(rows, chosen.output)
    faults = failures(rows)
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    done = rows[rows["status"] == "done"]
    found = many(int(done["count"].sum()), "nucleus", "nuclei")
    print(f"{found} in {many(len(done), 'image')}: {chosen.output}")
    return int(bool(faults))


def _rethreshold(chosen: argparse.Namespace) -> int:
    from .segmentation.rethreshold import rethreshold
    from .segmentation.summary import failures

    rows, said, before = rethreshold(chosen.folder, chosen.threshold)
    faults = failures(rows, "their results are as they were, those of the others are made again")
    lines = [*(f"Warning: {line}" for line in said), *faults]
    print("\n".join(lines), end="\n" if lines else "", file=sys.stderr)
    done = rows[rows["status"] == "done"]
    found = many(int(done["count"].sum()), "nucleus", "nuclei")
    where = f"in {many(len(done), 'image')} at the threshold {chosen.threshold:g}"
    print(f"{found} {where}, {before:,} before: {chosen.folder} (its files are replaced)")
    return int(bool(faults))


def _explain(chosen: argparse.Namespace) -> int:
    from .explain.folder import explain_folder

    print(explain_folder(chosen.folder))
    return 0


def _channel(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _pixel_size(text: str) -> tuple[float, float]:
    parts = [float(part) for part in text.split(",")]
    if len(parts) > 2:
        raise ValueError(text)
    return parts[0], parts[-1]


def _positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="canonuclei", description="Cell nuclei, each as one learned shape and a handful of numbers."
    )
    parser.add_argument("--version", action="version", version=f"canonuclei {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    segment = commands.add_parser("segment", help="find the nuclei of images")
    segment.set_defaults(run=_segment)
    add = segment.add_argument
    add("images", nargs="+", metavar="IMAGE", help="PNG, TIFF or OME-TIFF files, or folders of them")
    add("--output", required=True, type=Path, metavar="FOLDER", help="for the results, a folder an image")
    add("--model", help="model.safetensors of a run (default: the embedded model)")
    add("--channel", type=_channel, help="number (from 0) or name of the channel; not for grey and RGB")
    add("--scale", type=float, help="sides of the image are taken times this (default: as in training)")
    add("--diameter", type=float, metavar="PX", help="of a nucleus in px, in place of --scale")
    add("--threshold", type=float, default=0.5, help="of p(s) p(z), 0.05 … 1 (default 0.5)")
    add(
        "--pixel-size",
        type=_pixel_size,
        metavar="UM",
        help="µm, or height,width (default: the file's)",
    )
    add("--doubt", action="store_true", help="compare with flipped and turned images (eight times as long)")
    add("--no-explain", action="store_true", help="leave out explain.html")
    add("--threads", type=_positive, help="processor threads (default: all cores)")
    add("--quiet", action="store_true", help="no progress bar")
    again = commands.add_parser(
        "rethreshold", help="make results again at another threshold, without the network"
    )
    again.set_defaults(run=_rethreshold)
    again.add_argument("folder", type=Path, help="of results: of one image, or of all")
    page = commands.add_parser("explain", help="one page on all images of a folder of results")
    page.set_defaults(run=_explain)
    page.add_argument("folder", type=Path, help="of results: of one image, or of all")
    again.add_argument("--threshold", type=float, required=True, help="of p(s) p(z), 0.05 … 1")
    return parser


if __name__ == "__main__":
    main()
