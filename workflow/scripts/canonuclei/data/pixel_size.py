"""How large a pixel is, in micrometres: from OME-XML, ImageJ's description, or resolution tags."""

from __future__ import annotations

import re
from typing import Any

import tifffile

# Micrometres in a unit, as OME, ImageJ and people write it; both signs for micro
UNITS = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometre", "\\u00b5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("inch", "in"), 25400.0),
    **dict.fromkeys(("å", "angstrom"), 1e-4),
}
# Between electron microscopes and magnifying glasses
SMALLEST, LARGEST = 1e-3, 50.0
# Of resolution tags alone: programs that know nothing of the microscope write there what a printer shall do,
# 72 dpi (353 µm) or 600 (42 µm), even 4800 (5.3 µm)
LARGEST_OF_TAGS = 5.0


def plausible(row: float, column: float) -> tuple[float, float] | None:
    """Pixel height and width (µm) if they can be those of a microscope's image, else None."""
    return (row, column) if SMALLEST <= row <= LARGEST and SMALLEST <= column <= LARGEST else None


def from_tags(row: float, column: float, notes: list[str]) -> tuple[float, float] | None:
    """Pixel height and width (µm) as resolution tags have them, if they cannot be meant for a printer.

    To ``notes`` is added what was not believed though a microscope could have it.
    """
    size = plausible(row, column)
    if size is None or max(size) <= LARGEST_OF_TAGS:
        return size
    told = f"resolution of {25400 / max(size):.0f} dpi ({max(size):.3g} µm a pixel)"
    notes.append(f"{told} taken for a printer's: pixel size unknown")
    return None


def tiff_pixel_size(tif: tifffile.TiffFile, notes: list[str]) -> tuple[float, float] | None:
    """Pixel height and width (µm) of an open TIFF: by OME-XML, else ImageJ's unit, else resolution tags.

    Notes as of `from_tags`.
    """
    if tif.ome_metadata:
        return _from_ome(tif.ome_metadata)
    page = tif.pages.first
    resolution = [_pixels_a_unit(page, name) for name in ("YResolution", "XResolution")]
    if None in resolution:
        return None
    if tif.imagej_metadata is not None:
        unit = UNITS.get(str(tif.imagej_metadata.get("unit", "")).strip().lower())
    else:
        # 2: inch (also where the tag is missing), 3: centimetre
        unit = {2: UNITS["inch"], 3: UNITS["cm"]}.get(int(page.tags.valueof("ResolutionUnit", 2)))
    if not unit:
        return None
    size = unit / resolution[0], unit / resolution[1]
    # Nobody calibrates in inches: ImageJ has them from the tags of the file that it opened
    measured = tif.imagej_metadata is not None and unit != UNITS["inch"]
    return plausible(*size) if measured else from_tags(*size, notes)


def _from_ome(xml: str) -> tuple[float, float] | None:
    """Of the first image's ``Pixels`` element; attributes alone, so that no XML parser expands anything."""
    element = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", xml)
    if element is None:
        return None
    attributes = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', element.group(1)))
    sizes = []
    for axis in "YX":
        unit = UNITS.get(attributes.get(f"PhysicalSize{axis}Unit", "µm").replace("&#181;", "µ").lower())
        try:
            sizes.append(float(attributes[f"PhysicalSize{axis}"]) * unit if unit else 0.0)
        except (KeyError, ValueError):
            return None
    return plausible(*sizes)


def _pixels_a_unit(page: Any, name: str) -> float | None:
    try:
        number, of = page.tags.valueof(name)
        return number / of if number > 0 else None
    except (TypeError, ValueError, ZeroDivisionError):
        return None
