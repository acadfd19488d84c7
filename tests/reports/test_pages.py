"""Pages in a browser: no errors, on a phone, in dark mode, with the figures of the results."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.image import imread

from fakes import RANDOM, Quick, make_study_samples
from multitide.reports import write_study_report
from multitide.study import compare

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
FLAGS = (
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
    ),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ),
    *("--enable-logging=stderr", "--v=0"),
)
LONG = "a_task_whose_name_is_much_longer_than_a_phone_is_wide_and_has_no_place_to_break"


class Browser:
    """Runs a headless Chromium with a profile of its own for every page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = next((path for name in NAMES if (path := shutil.which(name))), None)
        if found is None:
            pytest.skip(f"no Chromium found; looked for {', '.join(NAMES)}")
        self._program = found

    def __call__(self, page: Path, *flags: str) -> tuple[str, list[str]]:
        """Open a page; return what was printed, and the lines of its console."""
        profile = self._folder / f"profile-{len(list(self._folder.glob('profile-*')))}"
        command = [
            self._program,
            *FLAGS,
            f"--user-data-dir={profile}",
            *flags,
            page.as_uri(),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout, [
            line for line in done.stderr.splitlines() if "CONSOLE" in line
        ]


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


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
    browser: Browser, page: Path
) -> None:
    dom, console = browser(page, "--dump-dom")
    assert console == []
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
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(
        page.read_text().replace(
            "</main>", '<img src="https://example.invalid/x.png"></main>'
        )
    )
    _, console = browser(broken, "--dump-dom")
    assert any("Content Security Policy" in line for line in console)


def test_nothing_is_wider_than_a_phone(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    frame = tmp_path / "phone.html"
    # A window cannot be as narrow as a phone; a frame can, and a style sheet takes it for the
    # screen.
    measure = (
        "const d = this.contentDocument.documentElement; "
        "document.title = `wide ${d.scrollWidth} ${d.clientWidth}`"
    )
    inside = html.escape(page.read_text(), quote=True)
    frame.write_text(
        '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>'
        '<iframe style="width: 390px; height: 800px; border: 0" '
        f'onload="{measure}" srcdoc="{inside}"></iframe></body></html>'
    )
    dom, _ = browser(frame, "--dump-dom", "--virtual-time-budget=2000")
    found = re.search(r"<title>wide (\d+) (\d+)</title>", dom)
    assert found is not None
    assert (int(found[1]), int(found[2])) == (390, 390)


@pytest.mark.parametrize(("scheme", "dark"), [(0, True), (1, False)])
def test_the_page_follows_the_readers_scheme(
    browser: Browser, page: Path, tmp_path: Path, scheme: int, dark: bool
) -> None:
    picture = tmp_path / "page.png"
    browser(
        page,
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=800,600",
        f"--screenshot={picture}",
    )
    assert (imread(picture)[..., :3].mean() < 0.5) == dark


def test_the_page_can_be_printed(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser(page, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'page.pdf'}")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
