"""Words of messages and captions: numbers with what they count, and names too long for their place."""

from __future__ import annotations

import re

# An image of BBBC038 is called by a SHA-256 in hexadecimal: eight digits tell it from all others
DIGEST = re.compile(r"[0-9a-f]{32,}")
DIGEST_SHOWN = 8


def many(number: int, one: str, several: str | None = None) -> str:
    """A number and what it counts: ``1 image``, ``2 images``, ``1,000 nuclei``.

    Args:
        number: how many.
        one: the word for one.
        several: the word for others; None: ``one`` with an s.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def shortened(name: str, most: int) -> str:
    """An image's name in at most ``most`` (3 or more) characters.

    A digest gives its first eight digits. Other names are whole where they fit; else their middle is left
    out, for plate and well, date and number stand at the ends.
    """
    if DIGEST.fullmatch(name):
        return name[:DIGEST_SHOWN]
    if len(name) <= most:
        return name
    head = most // 2
    return f"{name[:head].rstrip()}…{name[head + 1 - most :].lstrip()}"
