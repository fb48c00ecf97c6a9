"""explain.html in a real browser: numbers, outlines and sliders against the library's."""

import numpy as np
import pandas as pd
import pytest
from skimage.draw import polygon2mask

from canonuclei.nuclei.fused import FusedShape
from canonuclei.nuclei.measures import ShapeMeasures, measure
from canonuclei.nuclei.render import render_instances
from explain_browser import js, numbers, point_at, press, same_digits, settle, sure
from explain_pages import HOSTILE

pytest_plugins = ("explain_browser",)  # its fixtures


def test_the_shape_in_javascript_is_the_librarys(opened, shape):
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (2, 300))
    expected = FusedShape(shape, np.float64).logit(points)
    got = js(opened, "return arguments[0].map(([x, y]) => m.shape.logit(x, y))", points.T.tolist())
    assert got == pytest.approx(expected, abs=1e-12)


def test_measures_in_javascript_are_the_librarys(opened, page, shape):
    nuclei = page[1]
    for threshold in (0.5, 0.2):
        levels = ShapeMeasures.of(shape, lowest=threshold)
        lower = np.zeros((len(nuclei), 2, 2), np.float32)
        lower[:, 0, 0], lower[:, 1, 0], lower[:, 1, 1] = nuclei["l11"], nuclei["l21"], nuclei["l22"]
        t, p = nuclei[["t1", "t2"]].to_numpy(), nuclei["p"].to_numpy()
        tile = nuclei["tile_y"].to_numpy(), nuclei["tile_x"].to_numpy()
        expected = pd.DataFrame(measure(lower, t, p, levels, 160.0, *tile, threshold)).drop(
            columns="ellipse_area"
        )
        one = "c.measure(m.shape, m.told(i), m.frame(i), arguments[0])"
        script = f"return Array.from({{length: m.count}}, (_, i) => {one})"
        got = js(opened, script, threshold)
        for index, row in expected.iterrows():
            if np.isnan(row["area"]):
                assert got[index] is None
                continue
            for name, value in row.items():
                assert got[index][name] == pytest.approx(value, rel=0.004, abs=0.02), (threshold, index, name)


def test_the_outline_is_the_rendered_mask(opened, page, shape):
    """The exact outline, and the rough one that is drawn for thousands, at thresholds and after an edit."""
    script = """
      const [index, threshold, exact] = arguments, one = m.nucleus(index);
      const map = c.mapping(one, m.frame(index));
      const level = c.levelLogit(one.p, threshold);
      return (exact ? m.shape.outline(level) : m.shape.roughOutline(level, 64)).map((ring) => {
        const out = [];
        for (let k = 0; k < ring.length; k += 2) {
          const [x, y] = [ring[k], ring[k + 1]];
          out.push([map.b * x + map.d * y + map.oy, map.a * x + map.ox]);
        }
        return out;
      })"""
    nuclei = page[1]
    for index in sure(nuclei)[:6]:
        one = nuclei.loc[index]
        lower = np.array([[[one["l11"], 0], [one["l21"], one["l22"]]]])
        for threshold, exact in ((0.5, True), (0.5, False), (0.25, False)):
            rings = js(opened, script, int(index), threshold, exact)
            # eight samples a pixel: the outline's own error is measured, not the pixels'
            expected = render_instances(
                lower, one[["t1", "t2"]].to_numpy(float)[None], [one["p"]], shape, 1280, 1280, threshold
            )[0]
            origin = one[["tile_y", "tile_x"]].to_numpy(float)
            points = (np.array(rings[0]) - origin + 0.5) * 8 - 0.5
            drawn = polygon2mask(expected.shape, points)
            iou = (expected & drawn).sum() / (expected | drawn).sum()
            assert len(rings) == 1 and iou > 0.98, (index, threshold, exact, iou)


def test_pointing_and_clicking_show_the_nucleus_and_its_numbers(opened, page):
    nuclei = page[1]
    a, b = sure(nuclei)[[4, 11]]
    point_at(opened, nuclei, a)
    assert opened.find_element("id", "chosen-title").text == f"Nucleus {nuclei.loc[a, 'id']}"
    shown = numbers(opened)
    assert same_digits(shown["p"], nuclei.loc[a, "p"]) and same_digits(shown["area"], nuclei.loc[a, "area"])
    assert same_digits(shown["axes"], nuclei.loc[a, "axis_major_length"])
    assert same_digits(shown["centroid"], nuclei.loc[a, "centroid-0"])
    assert same_digits(shown["disagreement"], 100 * nuclei.loc[a, "disagreement"])
    assert "µm" in shown["axes"]
    # pointing alone shows another; leaving goes back to the chosen one
    point_at(opened, nuclei, b, click=False)
    assert opened.find_element("id", "chosen-title").text == f"Nucleus {nuclei.loc[b, 'id']}"
    assert str(nuclei.loc[b, "id"]) in opened.find_element("id", "tip").text
    opened.execute_script("document.getElementById('view').dispatchEvent(new PointerEvent('pointerleave'))")
    settle(opened)
    assert opened.find_element("id", "chosen-title").text == f"Nucleus {nuclei.loc[a, 'id']}"


def test_the_steps_tell_the_transform_with_its_numbers(opened, page):
    nuclei = page[1]
    index = sure(nuclei)[3]
    point_at(opened, nuclei, index)
    steps = opened.find_elements("css selector", "#steps li")
    words = [step.find_element("tag name", "p").text for step in steps]
    one = nuclei.loc[index]
    assert len(steps) == 4 and all(
        step.find_elements("css selector", "svg path.outline, svg path.inplace") for step in steps
    )
    assert same_digits(words[0].split("at p(s) = ")[1], 0.5 / one["p"])
    assert same_digits(words[1].split("becomes ")[1], 80 / one["l11"])
    assert same_digits(words[2].split("−l21 / l22 = ")[1], -one["l21"] / one["l22"])
    column = one["tile_x"] + 80 - 0.5 - 80 / one["l11"] * one["t1"]
    assert same_digits(words[3].split("column ")[1], column)


def test_doubt_is_told(opened, page):
    nuclei = page[1]
    index = nuclei.index[(nuclei["doubt"] != "") & (nuclei.index > 0)][0]
    point_at(opened, nuclei, index)
    assert "shared pixels; looks unlike training" in opened.find_element("id", "doubts").text
    assert HOSTILE in opened.find_element("id", "warning-list").text
    opened.find_element("id", "next-doubtful").click()
    settle(opened)
    assert opened.find_element("id", "doubts").is_displayed()


def pixels(browser):
    return browser.execute_script("return document.getElementById('base').toDataURL()")


def test_sliders_redraw_the_nucleus(opened, page):
    from selenium.webdriver import Keys

    nuclei = page[1]
    index = sure(nuclei)[6]
    point_at(opened, nuclei, index)
    before = pixels(opened)
    slider = opened.find_element("id", "slide-long")
    press(opened, slider, *[Keys.ARROW_RIGHT] * 20)
    assert pixels(opened) != before
    got = js(opened, "return m.values[arguments[0]]", int(index))
    assert got["axis_major_length"] == pytest.approx(nuclei.loc[index, "axis_major_length"] + 2, abs=0.15)
    # nothing else moved
    for name in ("axis_minor_length", "centroid-0", "centroid-1", "orientation"):
        assert got[name] == pytest.approx(nuclei.loc[index, name], abs=0.06), name
    press(opened, opened.find_element("id", "slide-row"), *[Keys.ARROW_LEFT] * 10)
    assert js(opened, "return m.values[arguments[0]]['centroid-0']", int(index)) == pytest.approx(
        nuclei.loc[index, "centroid-0"] - 1, abs=0.1
    )
    press(opened, opened.find_element("id", "slide-p"), Keys.HOME)
    assert "nothing to draw" in opened.find_element("id", "steps").text
    opened.find_element("id", "restore").click()
    settle(opened)
    assert js(opened, "return m.edits.size") == 0 and pixels(opened) == before


def test_raw_parameters_are_taken_and_bad_ones_refused(opened, page):
    from selenium.webdriver import Keys

    index = sure(page[1])[2]
    point_at(opened, page[1], index)
    opened.find_element("css selector", "#panel details summary").click()
    field = opened.find_element("id", "raw-l11")
    for text, expected in (("4.5", 4.5), ("-1", 4.5)):
        press(opened, field, Keys.CONTROL + "a")
        press(opened, field, text, Keys.TAB)
        assert js(opened, "return m.nucleus(arguments[0]).l11", int(index)) == expected
    assert float(field.get_attribute("value")) == 4.5


def test_the_threshold_brings_candidates_and_shrinks_outlines(opened, page, shape):
    from selenium.webdriver import Keys

    nuclei = page[1]
    assert js(opened, "return m.shown.length") == len(sure(nuclei))
    before, slider = pixels(opened), opened.find_element("id", "threshold")
    press(opened, slider, *[Keys.ARROW_LEFT] * 30)
    assert js(opened, "return m.threshold") == pytest.approx(0.2)
    assert js(opened, "return m.shown.length") == len(nuclei) and pixels(opened) != before
    assert "below the threshold" in js(
        opened, "return m.doubts(arguments[0])[0]", int(nuclei.index[nuclei["kept"] == 0][0])
    )
    press(opened, slider, *[Keys.ARROW_RIGHT] * 60)
    assert (
        js(opened, "return m.shown.length")
        == (nuclei["p"] * js(opened, "return m.shape.highest") > 0.8).sum()
    )
    opened.find_element("id", "threshold-reset").click()
    settle(opened)
    assert (
        js(opened, "return [m.threshold, m.shown.length]") == [0.5, len(sure(nuclei))]
        and pixels(opened) == before
    )
