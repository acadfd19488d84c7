"""Pages in a browser: no errors, on a phone, in dark mode, with the figures of the results."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.image import imread

from chromium import Chromium
from fakes import RANDOM, Quick, make_study_samples
from multitide.reports import write_study_report
from multitide.study import compare

PAPER = 688  # the width of A4 less its margins, in CSS pixels
LONG = "a_task_whose_name_is_much_longer_than_a_phone_is_wide_and_has_no_place_to_break"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples = make_study_samples(200)
    samples = samples.replace(channels=("first <channel>", LONG))
    options: dict[str, Any] = {"n_seeds": 2, "n_jobs": 1, "verbose": 0, "split": RANDOM}
    arms = {"hard": "hard", LONG: {"lr": 13.0}, "constant": "constant"}
    found = compare(samples, estimator=Quick(), arms=arms, **options)
    folder = found.save(tmp_path_factory.mktemp("study"))
    return write_study_report(
        found, folder, samples=samples, command=f"multitide compare {LONG}.toml"
    )


def test_a_browser_shows_the_kept_figures_and_complains_of_nothing(
    browser: Chromium, page: Path
) -> None:
    browser.open(page)
    dom = browser.evaluate("document.documentElement.outerHTML")
    assert browser.console == browser.errors == []
    table = pd.read_parquet(page.parent / "results.parquet").set_index(
        ["arm", "task", "metric"]
    )
    shown = re.findall(r"<data ([^>]*data-table=\"results\"[^>]*)>", dom)
    assert len(shown) > len(table)
    for text in shown:
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', text))
        where = tuple(
            html.unescape(found[f"data-{name}"]) for name in ("arm", "task", "metric")
        )
        assert float(found["value"]) == pytest.approx(
            table.loc[where, found["data-field"]], rel=0, abs=0, nan_ok=True
        )


def test_what_the_page_forbids_itself_would_be_seen(
    browser: Chromium, page: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(
        page.read_text().replace(
            "</main>", '<img src="https://example.invalid/x.png"></main>'
        )
    )
    browser.open(broken)
    assert any("Content Security Policy" in line for line in browser.console)


def width_of(browser: Chromium) -> int:
    width: int = browser.evaluate("document.documentElement.scrollWidth")
    return width


def test_nothing_is_wider_than_a_phone(browser: Chromium, page: Path) -> None:
    browser.resize(390, 800)
    browser.open(page)
    assert width_of(browser) == 390


def test_nothing_is_wider_than_a_sheet_of_paper(
    browser: Chromium, page: Path, tmp_path: Path
) -> None:
    """With names of a usual length: a browser cuts off the rest, or shrinks the page."""
    usual = tmp_path / "usual.html"
    usual.write_text(page.read_text().replace(LONG, "remaining_life"))
    browser.resize(PAPER, 900)
    browser.open(usual, media="print")
    assert width_of(browser) == PAPER
    printed = browser.call("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")


@pytest.mark.parametrize("dark", [True, False])
def test_the_page_follows_the_readers_scheme(
    browser: Chromium, page: Path, dark: bool
) -> None:
    browser.resize(800, 600)
    browser.open(page, dark=dark)
    picture = browser.call("Page.captureScreenshot", format="png")["data"]
    pixels = imread(io.BytesIO(base64.b64decode(picture)))
    assert (pixels[..., :3].mean() < 0.5) == dark
