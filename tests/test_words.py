"""Numbers with what they count, and names that are too long for their place."""

import pytest

from canonuclei.words import many, shortened


def test_one_is_not_several():
    assert many(1, "image") == "1 image" and many(0, "image") == "0 images"
    assert many(12345, "nucleus", "nuclei") == "12,345 nuclei"


def test_own_names_are_whole_where_they_fit():
    assert shortened("Zelle 3 µ{x} $a$", 16) == "Zelle 3 µ{x} $a$"
    assert shortened("0a" * 32, 40) == "0a0a0a0a"
    # no digest: letters beyond f, or too short for one
    assert shortened("deadbeef0123", 40) == "deadbeef0123"


@pytest.mark.parametrize("most", [3, 4, 10, 29, 30])
def test_long_names_lose_their_middle(most):
    name = "plate 7, 2024-03-01 well B12 site 3"
    short = shortened(name, most)
    head, tail = short.split("…")
    assert len(short) <= most and head and tail
    assert name.startswith(head) and name.endswith(tail)
