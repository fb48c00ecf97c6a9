"""Fixtures and hands for the tests of explain.html: a browser that points, drags and types."""

import json
import re

import pytest

from explain_pages import chromium, lopsided_shape, write_page


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
    rows = "[...document.querySelectorAll('#numbers div')]"
    script = f"return Object.fromEntries({rows}.map(d => [d.dataset.key, d.lastChild.textContent]))"
    return browser.execute_script(script)


def first_number(text):
    return float(re.search(r"−?\d+(\.\d+)?", text).group().replace("−", "-"))


def same_digits(text, value):
    """As the page rounds: about three digits."""
    return first_number(text) == pytest.approx(value, rel=0.006, abs=0.006)


def sure(nuclei):
    return nuclei.index[nuclei["kept"] == 1]
