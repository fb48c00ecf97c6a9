"""explain.html as a file: its size, what is left out, bad input, and pages from the files of a result."""

import base64
import io
import json
import re
import weakref

import numpy as np
import pytest
from PIL import Image

from canonuclei.data.reader import read_picture
from canonuclei.data.source import source_of
from canonuclei.errors import InputError
from canonuclei.explain import ExplainedImage, explain_folder, write_explain
from canonuclei.explain.data import encode_picture
from canonuclei.files import write_json
from canonuclei.models.shape import shape_weights
from canonuclei.nuclei.render import render_instances
from canonuclei.nuclei.tables import write_nuclei
from explain_browser import js, point_at, settle, sure, wait
from explain_pages import grid_nuclei, measures_of, picture

pytest_plugins = ("explain_browser",)  # its fixtures


def test_merged_instances_are_one_outline(browser, tmp_path, shape):
    # whole within their tile, since the library renders no farther
    nuclei = grid_nuclei(shape, 3, 3, side=24.0).iloc[[4, 5]]
    nuclei = nuclei.assign(p=0.95, kept=[1, 0], doubt="", id=[3, 6], merged_from=["3;6", ""])
    write_explain(
        tmp_path / "merged.html",
        [ExplainedImage("m", picture(64, 64), nuclei)],
        shape,
        {"threshold": 0.5, "keep": 0.05},
    )
    browser.get((tmp_path / "merged.html").as_uri())
    wait(browser, "return document.documentElement.dataset.ready")
    lower = np.zeros((2, 2, 2))
    lower[:, 0, 0], lower[:, 1, 0], lower[:, 1, 1] = nuclei[["l11", "l21", "l22"]].to_numpy()[:2].T
    t = nuclei[["t1", "t2"]].to_numpy()[:2]
    union = render_instances(lower, t, [0.95, 0.95], shape, 160, 160).any(axis=0)
    area = js(browser, "return c.moments(m.union(0)).area")
    assert js(browser, "return [m.shown.length, m.parts(0).length]") == [1, 2]
    assert area == pytest.approx(union.sum(), rel=0.02)


def test_a_large_image_with_5000_nuclei_stays_under_20_mb(tmp_path, shape, browser):
    nuclei = grid_nuclei(shape, 50, 100)
    path = tmp_path / "large.html"
    write_explain(
        path, [ExplainedImage("large", picture(2000, 4000), nuclei)], shape, {"threshold": 0.5, "keep": 0.05}
    )
    assert path.stat().st_size < 20e6
    browser.get(path.as_uri())
    wait(browser, "return document.documentElement.dataset.picture === '0'", 20)
    assert "reduced here to" in browser.find_element("id", "notes").text
    assert js(browser, "return m.shown.length") == len(sure(nuclei))
    point_at(browser, nuclei, sure(nuclei)[2000])
    assert (
        browser.find_element("id", "chosen-title").text == f"Nucleus {nuclei.loc[sure(nuclei)[2000], 'id']}"
    )
    browser.find_element("id", "select-all").click()
    settle(browser)
    assert len(browser.find_elements("css selector", "#table-body tr")) == 200
    assert "the CSV has all" in browser.find_element("id", "table-caption").text


def test_a_set_too_large_for_one_page_says_what_is_left_out(tmp_path, shape, monkeypatch):
    monkeypatch.setattr("canonuclei.explain.page.LARGEST_PAGE", 70_000)
    pages = [ExplainedImage(f"{number}", picture(40, 40), grid_nuclei(shape, 10, 20)) for number in range(5)]
    write_explain(tmp_path / "set.html", pages, shape, {"threshold": 0.5})
    block = re.search(r'id="data">(.*?)</script>', (tmp_path / "set.html").read_text(), re.S).group(1)
    data = json.loads(block)
    assert "Candidates" in data["notes"][0] and "of 5 images" in data["notes"][1]
    assert 0 < len(data["images"]) < 5 and data["images"][0]["count"] == len(sure(pages[0].nuclei))


def page_of(path):
    """The data block of a page."""
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.S).group(1))


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (120_000, ["Candidates"]),
        (80_000, ["Candidates", "Intensities"]),
        (30_000, ["Candidates", "Intensities", "Only the"]),
    ],
)
def test_one_image_too_large_for_a_page_is_cut_and_says_so(tmp_path, shape, monkeypatch, most, words):
    monkeypatch.setattr("canonuclei.explain.page.LARGEST_PAGE", most)
    nuclei = grid_nuclei(shape, 25, 30)
    page = ExplainedImage("one", picture(300, 300), nuclei)
    write_explain(tmp_path / "one.html", [page], shape, {"threshold": 0.5})
    data = page_of(tmp_path / "one.html")
    (one,) = data["images"]
    assert len(json.dumps([one])) <= most
    assert len(data["notes"]) == len(words)
    assert all(note.startswith(word) for note, word in zip(data["notes"], words, strict=True))
    assert len(one["notes"]) == 1 and f"{one['shownWidth']} ×" in one["notes"][0] and one["shownWidth"] < 300
    p = np.frombuffer(base64.b64decode(one["columns"]["p"]["data"]), "<f4")
    best = np.sort(nuclei["p"].to_numpy(np.float32))[::-1]
    assert len(p) == one["count"] > 0
    np.testing.assert_array_equal(np.sort(p)[::-1], best[: len(p)])
    assert (len(p) < len(sure(nuclei))) == (len(words) == 3)


def test_what_merged_nuclei_are_made_of_stays(tmp_path, shape, monkeypatch):
    monkeypatch.setattr("canonuclei.explain.page.LARGEST_PAGE", 60_000)
    nuclei = grid_nuclei(shape, 10, 20)
    head, member = nuclei.index[nuclei["kept"] == 1][0], nuclei.index[nuclei["kept"] == 0][0]
    nuclei.loc[head, "merged_from"] = str(nuclei.loc[member, "id"])
    write_explain(tmp_path / "m.html", [ExplainedImage("m", picture(90, 90), nuclei)], shape, {})
    ids = np.frombuffer(
        base64.b64decode(page_of(tmp_path / "m.html")["images"][0]["columns"]["id"]["data"]), "<i4"
    )
    assert set(ids) == set(nuclei.loc[[*sure(nuclei), member], "id"])


def test_one_image_is_in_memory_at_a_time(tmp_path, shape):
    alive = []

    def pages():
        for number in range(4):
            rgb = picture(60, 60)
            alive.append(weakref.ref(rgb))
            assert sum(one() is not None for one in alive) <= 2
            yield ExplainedImage(f"{number}", rgb, grid_nuclei(shape, 1, 2))
            del rgb

    write_explain(tmp_path / "set.html", pages(), shape, {}, number=4)
    assert len(page_of(tmp_path / "set.html")["images"]) == len(alive) == 4


def test_pictures_are_exact_where_they_fit():
    rgb = picture(50, 70)
    uri, size, exact = encode_picture(rgb, 10**6)
    assert exact and size == (50, 70)
    assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))) == rgb).all()
    uri, size, exact = encode_picture(rgb, 8000)
    assert not exact and len(uri) <= 8000


def test_bad_input_is_told(tmp_path, shape):
    with pytest.raises(InputError, match="no image"):
        write_explain(tmp_path / "x.html", [], shape, {})
    nuclei = grid_nuclei(shape, 1, 2)
    with pytest.raises(InputError, match="lacks the column l21"):
        write_explain(
            tmp_path / "x.html", [ExplainedImage("i", picture(9, 9), nuclei.drop(columns="l21"))], shape, {}
        )
    with pytest.raises(InputError, match="pixels"):
        write_explain(tmp_path / "x.html", [ExplainedImage("i", picture(9, 9)[..., 0], nuclei)], shape, {})
    with pytest.raises(InputError, match=r"no metadata\.json"):
        explain_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_image_without_nuclei_has_a_page(browser, tmp_path, shape):
    nuclei = grid_nuclei(shape, 1, 2).iloc[:0]
    write_explain(tmp_path / "none.html", [ExplainedImage("none", picture(30, 40), nuclei)], shape, {})
    browser.get_log("browser")
    browser.get((tmp_path / "none.html").as_uri())
    wait(browser, "return document.documentElement.dataset.ready")
    assert browser.find_element("id", "count").text.startswith("0 nuclei")
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.parametrize("image_at_hand", [True, False])
def test_a_page_from_the_files_of_a_result(tmp_path, shape, image_at_hand):
    nuclei = grid_nuclei(shape, 3, 4)
    folder = tmp_path / "out" / "cells"
    folder.mkdir(parents=True)
    kept = nuclei[nuclei["kept"] == 1].drop(columns="kept")
    kept.to_csv(folder / "nuclei.csv", index=False)
    whole = nuclei.assign(image="cells", group=nuclei["id"].astype("Int64"), tile_size=160, ellipse_area=0.0)
    write_nuclei(folder / "candidates.csv.gz", whole.astype({"tile_y": int, "tile_x": int}))
    write_json(folder / "shape.json", {"weights": shape_weights(shape), "threshold": 0.5})
    path = tmp_path / "cells.png"
    Image.fromarray(picture(120, 160)).save(path)
    told = source_of(path, read_picture(path))
    if not image_at_hand:
        path.rename(folder / "overlay.png")
    write_json(folder / "metadata.json", {**told, "threshold": 0.5, "warnings": ["Dim."]})
    for place in (folder, tmp_path / "out"):
        text = explain_folder(place).read_text()
        data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
        (one,) = data["images"]
        assert (one["name"], one["width"], one["warnings"]) == ("cells.png", 160, ["Dim."])
        assert one["count"] == len(nuclei)
        assert bool(one["notes"]) is not image_at_hand


def test_measures_of_the_fixture_are_finite_where_present(shape):
    nuclei = grid_nuclei(shape, 2, 3)
    assert np.isfinite(nuclei.loc[sure(nuclei), "area"]).all()
    assert set(
        measures_of(shape, np.eye(2)[None] * 3, np.zeros((1, 2)), [0.9], np.array([128.0]), np.zeros((1, 2)))
    ) > {"area"}
