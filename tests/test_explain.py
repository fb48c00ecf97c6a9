"""explain.html in a real browser: by clicks and keys, its numbers against the library's."""

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from canonuclei.errors import InputError
from canonuclei.explain import ExplainedImage, explain_folder, write_explain
from canonuclei.explain.data import encode_picture
from canonuclei.files import write_json
from canonuclei.models.shape import shape_weights
from canonuclei.nuclei.fused import FusedShape
from canonuclei.nuclei.measures import ShapeMeasures, measure
from canonuclei.nuclei.render import render_instances
from canonuclei.nuclei.tables import write_nuclei
from explain_pages import HOSTILE, chromium, grid_nuclei, lopsided_shape, measures_of, picture, write_page
from PIL import Image
from skimage.draw import polygon2mask


@pytest.fixture(scope="module")
def shape():
    return lopsided_shape()


@pytest.fixture(scope="module")
def page(tmp_path_factory, shape):
    path = tmp_path_factory.mktemp("explain") / "a page's name.html"
    return path, write_page(path, shape)


@pytest.fixture(scope="module")
def browser():
    driver = chromium()
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page, tmp_path):
    """The page, fresh, with downloads into tmp_path; afterwards: no errors, no requests."""
    browser.get_log("browser"), browser.get_log("performance")
    command = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", command)
    browser.get(page[0].as_uri())
    wait(browser, "return document.documentElement.dataset.picture === '0'")
    yield browser
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert not errors
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert browser.execute_script("return window.hacked") is None


def wait(browser, condition, seconds=6.0):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds, poll_frequency=0.03).until(
        lambda one: one.execute_script(condition)
    )


def settle(browser):
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done));"
    )


def js(browser, script, *arguments):
    return browser.execute_script(f"const c = window.canonuclei, m = c.model; {script}", *arguments)


def point_at(browser, nuclei, position, click=True, shift=False):
    """Move the real pointer to a nucleus's centroid, and click."""
    from selenium.webdriver import ActionChains, Keys

    row, column = nuclei.loc[position, ["centroid-0", "centroid-1"]]
    view = browser.find_element("id", "view")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", view)
    k, x, y, wide, high = js(browser, "const v = c.viewer; return [v.k, v.x, v.y, v.size[0], v.size[1]]")
    place = round(x + (column + 0.5) * k - wide / 2), round(y + (row + 0.5) * k - high / 2)
    actions = ActionChains(browser, duration=10).move_to_element_with_offset(view, *place)
    if shift:
        actions = actions.key_down(Keys.SHIFT)
    if click:
        actions = actions.click()
    if shift:
        actions = actions.key_up(Keys.SHIFT)
    actions.perform()
    settle(browser)


def drag(browser, element, start, end):
    """A drag within an element, places as shares of its size."""
    from selenium.webdriver import ActionChains

    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    size = element.size
    at = [(round((x - 0.5) * size["width"]), round((y - 0.5) * size["height"])) for x, y in (start, end)]
    actions = ActionChains(browser, duration=10).move_to_element_with_offset(element, *at[0]).click_and_hold()
    actions.move_to_element_with_offset(element, *at[1]).release().perform()
    settle(browser)


def press(browser, element, *keys):
    element.send_keys(*keys)
    settle(browser)


def numbers(browser):
    """What the panel says, by key."""
    script = "return Object.fromEntries([...document.querySelectorAll('#numbers div')].map(d => [d.dataset.key, d.lastChild.textContent]))"
    return browser.execute_script(script)


def first_number(text):
    return float(re.search(r"−?\d+(\.\d+)?", text).group().replace("−", "-"))


def same_digits(text, value):
    """As the page rounds: about three digits."""
    return first_number(text) == pytest.approx(value, rel=0.006, abs=0.006)


def sure(nuclei):
    return nuclei.index[nuclei["kept"] == 1]


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
        script = "return Array.from({length: m.count}, (_, i) => c.measure(m.shape, m.told(i), m.frame(i), arguments[0]))"
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
      const [index, threshold, exact] = arguments, one = m.nucleus(index), map = c.mapping(one, m.frame(index));
      const level = c.levelLogit(one.p, threshold);
      return (exact ? m.shape.outline(level) : m.shape.roughOutline(level, 64)).map((ring) => {
        const out = [];
        for (let k = 0; k < ring.length; k += 2) out.push([map.b * ring[k] + map.d * ring[k + 1] + map.oy, map.a * ring[k] + map.ox]);
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
    assert js(opened, "return m.shown.length") == (nuclei["p"] * js(opened, "return m.shape.highest") > 0.8).sum()
    opened.find_element("id", "threshold-reset").click()
    settle(opened)
    assert (
        js(opened, "return [m.threshold, m.shown.length]") == [0.5, len(sure(nuclei))]
        and pixels(opened) == before
    )


def test_histograms_select_by_drag_and_by_keys_and_show_the_selection(opened, page):
    from selenium.webdriver import Keys

    nuclei = page[1].loc[sure(page[1])]
    drag(opened, opened.find_element("id", "hist-area"), (0.52, 0.4), (0.999, 0.4))
    low, high = js(opened, "return m.brushes.area")
    assert (low, high) == (12, 24)
    areas = nuclei["area"].sort_values().to_numpy()
    top = areas[int(np.ceil((len(areas) - 1) * 0.995))]
    expected = set(nuclei.index[nuclei["area"] >= (areas[0] + top) / 2])
    assert set(js(opened, "return [...m.selection]")) == expected and expected
    taken = opened.find_elements("css selector", "#hist-elongation .bin.taken")
    assert taken
    rows = opened.find_elements("css selector", "#table-body tr")
    assert len(rows) == len(expected)
    # a second histogram, by keys, narrows it; its end back again widens it
    slider = opened.find_element("id", "from-elongation")
    press(opened, slider, *[Keys.ARROW_RIGHT] * 6)
    ratio = nuclei["axis_major_length"] / nuclei["axis_minor_length"]
    both = set(js(opened, "return [...m.selection]"))
    assert both < expected and ratio[list(both)].min() > ratio[list(expected - both)].max()
    press(opened, slider, Keys.HOME)
    assert set(js(opened, "return [...m.selection]")) == expected
    wait(
        opened, f"return document.getElementById('live').textContent.startsWith('{len(expected)} nuclei of')"
    )


def test_a_selection_is_exported_with_the_librarys_numbers(opened, page, tmp_path):
    nuclei = page[1]
    one, two, edited = sure(nuclei)[[1, 5, 9]]
    for index in (one, two, edited):
        point_at(opened, nuclei, index, shift=True)
    point_at(opened, nuclei, edited)
    js(
        opened,
        "m.edit(arguments[0], {...m.nucleus(arguments[0]), t1: m.nucleus(arguments[0]).t1 + 0.1})",
        int(edited),
    )
    settle(opened)
    opened.find_element("id", "export").click()
    target = tmp_path / "plain.png-selected.csv"
    for _ in range(100):
        if target.exists():
            break
        settle(opened)
    table = pd.read_csv(target).set_index("id")
    assert list(table.index) == [*nuclei.loc[[one, two, edited], "id"]]
    assert (table["image"] == "plain.png").all() and (table["threshold"] == 0.5).all()
    assert list(table["edited"]) == [0, 0, 1]
    for name in ("area", "centroid-0", "p", "l21", "t2", "tile_x", "orientation", "intensity_mean-0"):
        expected = nuclei.loc[[one, two], name].to_numpy(float)
        assert table[name].to_numpy()[:2] == pytest.approx(expected, rel=1e-6), name
    moved = nuclei.loc[edited, "centroid-1"] - 0.1 * 80 / nuclei.loc[edited, "l11"]
    assert table["centroid-1"].iloc[2] == pytest.approx(moved, abs=0.02)


def test_a_keyboard_alone_is_enough(opened, page):
    from selenium.webdriver import Keys

    nuclei = page[1]
    view = opened.find_element("id", "view")
    press(opened, view, Keys.HOME)
    chosen = [js(opened, "return m.chosen")]
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN):
        press(opened, view, key)
        chosen.append(js(opened, "return m.chosen"))
    places = nuclei.loc[chosen, ["centroid-0", "centroid-1"]].to_numpy()
    assert places[1, 1] > places[0, 1] and places[2, 0] > places[1, 0]
    press(opened, view, Keys.SPACE)
    assert js(opened, "return [...m.selection]") == [chosen[-1]]
    press(opened, view, "d")
    assert js(opened, "return m.doubts(m.chosen).length > 0")
    wait(opened, "return document.getElementById('live').textContent.includes('doubtful')")
    press(opened, view, "+", Keys.PAGE_DOWN, Keys.ESCAPE)
    assert js(opened, "return [c.viewer.k > c.viewer.least, m.selection.size]") == [True, 0]
    # Tab reaches everything that can be used, and shows where it is
    reached = set()
    opened.execute_script("document.activeElement.blur(); document.body.focus()")
    for _ in range(60):
        opened.switch_to.active_element.send_keys(Keys.TAB)
        name, ring = opened.execute_script(
            "const e = document.activeElement; return [e.id, getComputedStyle(e).outlineStyle]"
        )
        if name:
            reached.add(name)
            assert ring != "none", name
    assert {
        "view",
        "threshold",
        "chooser",
        "slide-p",
        "slide-long",
        "from-area",
        "to-direction",
        "select-all",
    } <= reached


def test_everything_has_a_name_for_a_screen_reader(opened):
    opened.find_element("id", "select-all").click()
    settle(opened)
    nameless = opened.execute_script("""
      return [...document.querySelectorAll('button, input, select, [role=img], [role=application], [role=region]')].filter((e) =>
        !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby') &&
        !(e.tagName === 'BUTTON' && e.textContent.trim())).map((e) => e.outerHTML.slice(0, 90))""")
    assert nameless == []
    scopes = opened.execute_script(
        "return [...document.querySelectorAll('#table-body tr:first-child th, thead th')].map((e) => e.scope)"
    )
    assert set(scopes) == {"col", "row"}
    assert opened.execute_script("return document.querySelectorAll('caption').length") == 1


def test_choosing_the_other_image_with_a_hostile_name(opened, page):
    from selenium.webdriver.support.ui import Select

    chooser = Select(opened.find_element("id", "chooser"))
    assert chooser.options[1].text.startswith("</script>")
    chooser.select_by_index(1)
    wait(opened, "return document.documentElement.dataset.picture === '1'")
    assert opened.find_element("id", "name").text == HOSTILE
    assert not opened.find_element("id", "warnings").is_displayed()
    opened.find_element("id", "select-all").click()
    settle(opened)
    assert js(opened, "return m.selection.size") == js(opened, "return m.shown.length")


def test_a_narrow_window_has_no_sideways_scroll(opened):
    opened.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": False},
    )
    try:
        wait(opened, "return window.innerWidth === 360")
        settle(opened)
        assert opened.execute_script("return document.documentElement.scrollWidth") <= 360
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


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


def test_pictures_are_exact_where_they_fit():
    rgb = picture(50, 70)
    uri, size, exact = encode_picture(rgb, 10**6)
    import base64

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
    with pytest.raises(InputError, match=r"no nuclei\.csv"):
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
    write_json(tmp_path / "out" / "shape.json", {"weights": shape_weights(shape), "threshold": 0.5})
    Image.fromarray(picture(120, 160)).save(
        tmp_path / "cells.png" if image_at_hand else folder / "overlay.png"
    )
    write_json(
        folder / "metadata.json",
        {"image": str(tmp_path / "cells.png"), "threshold": 0.5, "warnings": ["Dim."]},
    )
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
