"""The page in a real headless Chromium: no error, no request, sorting, hovering, two widths."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample_results import comparison, sweep_rows

from f2fsim.report import build_report, read_inputs, write_report
from f2fsim.results.files import write_results

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.needs("chromium", "chromedriver")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    for batch in (1, 16):
        write_results(folder / f"b{batch}", comparison(batch))
    (folder / "sweep.json").write_text(json.dumps(sweep_rows(400)))
    report = build_report(read_inputs([folder / "b1", folder / "b16", folder / "sweep.json"]))
    return write_report(report, folder / "out", drawings=False)


@pytest.fixture(scope="module")
def driver(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # selenium's own resources
        browser = webdriver.Chrome(options=options, service=service)
    browser.set_script_timeout(120)
    browser.set_page_load_timeout(120)
    browser.set_window_size(1440, 1000)
    browser.get(page.as_uri())
    yield browser
    browser.quit()


def test_every_chart_draws_without_error_or_request(driver: Any) -> None:
    n_charts = driver.execute_async_script(
        """
        const done = arguments[0], charts = [...document.querySelectorAll('.chart')];
        let i = 0;
        function next() {
          if (i < charts.length) { charts[i++].scrollIntoView({behavior: 'instant'}); setTimeout(next, 30); return; }
          const drawn = () => charts.every(c => c.querySelector('.main-svg'));
          (function wait(n) {
            if (drawn() || !n) { done(charts.filter(c => c.querySelector('.main-svg')).length); }
            else { setTimeout(wait, 100, n - 1); }
          })(800);
        }
        next();
        """
    )
    assert n_charts == driver.execute_script("return document.querySelectorAll('.chart').length")
    assert n_charts >= 15
    assert [entry for entry in driver.get_log("browser") if entry["level"] != "INFO"] == []
    asked = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    # chrome: and chrome-untrusted: are the browser's own empty tab, before the page.
    own = ("file:", "data:", "blob:", "chrome:", "chrome-untrusted:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1, "the page itself"


def test_a_table_sorts_by_exact_values_both_ways(driver: Any) -> None:
    script = """
        const t = document.querySelector('table[data-table="case1_totals"]');
        const heads = [...t.tHead.rows[0].cells];
        const at = heads.findIndex(h => h.dataset.key === arguments[0]);
        heads[at].firstElementChild.click();
        return [heads[at].getAttribute('aria-sort'),
                [...t.tBodies[0].rows].map(r => r.cells[at].dataset.value === undefined
                    ? r.cells[at].textContent : Number(r.cells[at].dataset.value))];
    """
    order, values = driver.execute_script(script, "time_us")
    assert order == "ascending"
    assert values == sorted(values)
    assert len(set(values)) > 2
    order, values = driver.execute_script(script, "time_us")
    assert order == "descending"
    assert values == sorted(values, reverse=True)
    order, names = driver.execute_script(script, "machine")
    assert names == sorted(names)


def test_hovering_shows_values(driver: Any) -> None:
    actions = pytest.importorskip("selenium.webdriver").ActionChains(driver)
    chart = driver.find_element("css selector", '[data-figure="speedup"]')
    driver.execute_script(
        "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart
    )
    bar = chart.find_element("css selector", ".barlayer .trace .point path")
    actions.move_to_element(bar).perform()
    text = ""
    for _ in range(30):
        text = driver.execute_script(
            "return [...arguments[0].querySelectorAll('.hoverlayer text')]"
            ".map(t => t.textContent).join(' ')",
            chart,
        )
        if text:
            break
        actions.move_by_offset(1, 1).pause(0.1).perform()
    value = driver.execute_script("return arguments[0].data[0].y[0]", chart)
    assert f"{value:.4g}" in text
    assert "f2f_edge" in text


@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_the_width(driver: Any, width: int) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    try:
        wide = driver.execute_async_script(
            "const done = arguments[0]; setTimeout(() => done([document.documentElement.clientWidth,"
            " document.documentElement.scrollWidth,"
            " Math.max(...[...document.querySelectorAll('.chart .main-svg')]"
            ".map(s => s.getBoundingClientRect().right))]), 800)"
        )
        assert wide[0] == width
        assert wide[1] <= width, "nothing sticks out"
        assert wide[2] <= width, "charts follow the width"
        assert len(driver.get_screenshot_as_png()) > 10_000
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_dark_and_light(driver: Any) -> None:
    backs = []
    for scheme in ("dark", "light"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        backs.append(
            driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        )
    assert backs == ["rgb(18, 22, 28)", "rgb(255, 255, 255)"]
