"""explain.html in a real browser: selecting by histogram and keyboard, export, access, hostile names."""

import numpy as np
import pandas as pd
import pytest

from explain_browser import drag, js, point_at, press, settle, sure, wait
from explain_pages import HOSTILE

pytest_plugins = ("explain_browser",)  # its fixtures


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
    # what was measured on the pixels of the file's mask is not of the outline now
    assert table[["intensity_mean-0", "overlap"]].iloc[2].isna().all()
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
      const all = 'button, input, select, [role=img], [role=application], [role=region]';
      return [...document.querySelectorAll(all)].filter((e) => !(e.labels && e.labels.length) &&
        !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby') &&
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
