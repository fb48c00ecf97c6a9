"""explain.html on a desk, a tablet and a telephone; without nuclei, with one; what it tells of the model."""

from contextlib import contextmanager

import numpy as np
import pytest

from canonuclei.explain import ExplainedImage, write_explain
from explain_browser import js, press, settle, wait
from explain_pages import HOSTILE, grid_nuclei, picture

pytest_plugins = ("explain_browser",)  # its fixtures

LABEL = "short-run model: 400 steps of 20,950 (50 epochs); expect many errors"
ABOUT = {
    "threshold": 0.5,
    "keep": 0.05,
    "name": "a name without a space that is longer than any column of the page is wide.tif",
    "guaranteed_whole_diameter_px": 64,
    "normalization": {"normalization": "percentile", "percentiles": [1.0, 99.8], "limits": [[0.0, 1.0]]},
    "model": {"file": "default.safetensors", "sha256": "0123456789abcdef" * 4, "label": LABEL},
    "versions": {"python": "3.11.7", "torch": "2.14.1"},
    "a_key_that_nobody_gave_words_and_that_is_long": True,
    "nothing": None,
}
# Pairs of boxes that share more than a pixel
OVERLAPPING = """
  const boxes = [...document.querySelectorAll(arguments[0])].filter((e) => e.getClientRects().length)
    .map((e) => [e.textContent, e.getBoundingClientRect()]);
  return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([b, q]) =>
    Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1 &&
    Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1).map(([b]) => `${a} | ${b}`))"""
# Units that stand on another line than what they belong to
TORN = """
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), torn = [];
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.parentElement.getClientRects().length) continue;
    for (const match of node.data.matchAll(/\\S ?°/g)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1) torn.push(node.data);
    }
  }
  return torn"""


@contextmanager
def width_of(browser, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wait(browser, f"return window.innerWidth === {width}")
        settle(browser)
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def open_page(browser, path, shape, nuclei, about=ABOUT, warnings=()):
    image = ExplainedImage("plain.png", picture(240, 320) // 4, nuclei, list(warnings), (0.5, 0.25))
    write_explain(path, [image], shape, about)
    browser.get_log("browser")
    browser.get(path.as_uri())
    wait(browser, "return document.documentElement.dataset.picture === '0'")
    settle(browser)


@pytest.mark.parametrize("width", [1400, 900, 400])
def test_nothing_lies_on_anything_else(browser, tmp_path, shape, width):
    open_page(browser, tmp_path / "p.html", shape, grid_nuclei(shape, 6, 8), warnings=["Small nuclei."])
    with width_of(browser, width):
        browser.find_element("id", "select-all").click()
        settle(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        for group in (
            "#about dt, #about dd",
            "#numbers dt, #numbers dd",
            "#contours text",
            "#profile text",
            ".slider label, .slider input, .slider output, .slider button",
            ".bar h2, .bar .tools > *",
            "header, #model-note, #warnings, main",
        ):
            assert browser.execute_script(OVERLAPPING, group) == [], group
        assert browser.execute_script(TORN) == []
        # text that is wider than its box is painted over its neighbour, though the boxes lie apart
        spilt = """return [...document.querySelectorAll('dt, dd, button, output, label, h2, p, li')]
          .filter((e) => e.clientWidth && e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"""
        assert browser.execute_script(spilt) == []


def test_labels_of_outlines_lie_beside_all_lines(browser, tmp_path, shape):
    open_page(browser, tmp_path / "p.html", shape, grid_nuclei(shape, 2, 2))
    script = """
      const right = (e) => e.getBoundingClientRect().right, left = (e) => e.getBoundingClientRect().left;
      const all = (query) => [...document.querySelectorAll(query)];
      return [Math.max(...all('#contours .contour, #contours .now').map(right)),
        Math.max(...all('#contours .leader').map(right)), Math.min(...all('#contours text').map(left)),
        all('#contours text').map((e) => Number(e.textContent)), all('#contours .contour').length]"""
    lines, leaders, text, levels, count = browser.execute_script(script)
    assert lines < text and leaders <= text + 0.5
    assert levels == sorted(levels) and len(levels) == count >= 3


def test_what_made_the_page_is_told_in_words(browser, tmp_path, shape):
    open_page(browser, tmp_path / "p.html", shape, grid_nuclei(shape, 2, 2))
    told = browser.find_element("id", "about").text
    assert "Surely whole up to, px across\n64" in told and "sha256 0123456789abcdef" in told
    assert "limits (0, 1)" in told and "percentiles 1, 99.8" in told
    assert "a key that nobody gave words" in told
    assert not {"{", "}", "_", "null", "nothing"} & {*told, *told.split()}


def test_a_short_run_is_told_at_the_top(browser, tmp_path, shape):
    nuclei = grid_nuclei(shape, 2, 2)
    open_page(browser, tmp_path / "p.html", shape, nuclei, warnings=["Dim."])
    note = browser.find_element("id", "model-note")
    assert note.text == f"Found by a {LABEL}." and "warning" in note.get_attribute("class")
    top = [browser.find_element("id", name).rect["y"] for name in ("model-note", "warnings", "view")]
    assert top == sorted(top) and top[1] < 300
    # a model of one's own says nothing of its length; one that was trained in full is no warning
    open_page(browser, tmp_path / "p.html", shape, nuclei, {"model": {"file": "m", "label": None}})
    assert not browser.find_element("id", "model-note").is_displayed()
    open_page(browser, tmp_path / "p.html", shape, nuclei, {"model": {"label": "full-length model: 9 steps"}})
    assert browser.find_element("id", "model-note").get_attribute("class") == "note"
    open_page(browser, tmp_path / "p.html", shape, nuclei, {"model": {"label": HOSTILE}})
    assert HOSTILE in browser.find_element("id", "model-note").text
    assert browser.execute_script("return window.hacked") is None


def test_without_nuclei_nothing_can_be_chosen_until_the_threshold_brings_some(browser, tmp_path, shape):
    from selenium.webdriver import Keys

    nuclei = grid_nuclei(shape, 3, 4)
    nuclei = nuclei.assign(p=np.float32(0.3), kept=0)
    open_page(browser, tmp_path / "p.html", shape, nuclei)
    for name in (
        "pick",
        "select-all",
        "select-none",
        "select-doubtful",
        "next-doubtful",
        "export",
        "restore",
    ):
        assert not browser.find_element("id", name).is_enabled(), name
    none = browser.find_element("id", "none")
    assert "No nucleus reaches the threshold of 0.50" in none.text and "p(z) = 0.300" in none.text
    hidden = "#steps, #histograms, #table-head, #sliders, #numbers"
    assert not any(one.is_displayed() for one in browser.find_elements("css selector", hidden))
    press(browser, browser.find_element("id", "threshold"), *[Keys.ARROW_LEFT] * 30)
    assert js(browser, "return m.shown.length") == 12 and not none.is_displayed()
    assert browser.find_element("id", "select-all").is_enabled()
    browser.find_element("id", "view").send_keys(Keys.HOME)
    settle(browser)
    assert browser.find_element("id", "pick").is_enabled()
    assert len(browser.find_elements("css selector", "#steps svg")) == 4
    # its nucleus gone again, the panel has no numbers of it
    browser.find_element("id", "threshold-reset").click()
    settle(browser)
    assert not browser.find_element("id", "pick").is_enabled()
    assert browser.find_elements("css selector", "#steps svg") == []


def test_one_nucleus_has_a_whole_page(browser, tmp_path, shape):
    nuclei = grid_nuclei(shape, 1, 2).iloc[[1]].assign(p=np.float32(0.97), kept=1)
    open_page(browser, tmp_path / "p.html", shape, nuclei)
    assert browser.find_element("id", "count").text.startswith("1 nucleus")
    assert browser.find_element("id", "pick").is_enabled()
    assert len(browser.find_elements("css selector", ".bin")) >= 2
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
