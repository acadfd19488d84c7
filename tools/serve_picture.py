"""Draw the pictures of the server's page that the documentation shows.

    python tools/serve_picture.py

A model of the air of Beijing is fitted and served; headless Chromium drops a week of rows that it
has not seen. Writes docs/figures/serve.png, and serve_phone.png for a narrow screen. Needs the
data next to the repository.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import multitide as mt

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from chromium import Chromium
from serving_client import server

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "beijing_pm25.csv"
SMOG = 150  # ug/m3
COLUMNS = ["time", "DEWP", "TEMP", "PRES", "Iws"]
CONFIG = """
random_state = 0

[data]
path = "train.csv"
time = "time"
channels = ["DEWP", "TEMP", "PRES", "Iws"]
window = 24
stride = 4

[split]
by = "time"
calibration = 0.2

[backbone]
name = "trees"
n_trees = 40

[[tasks]]
name = "pm2.5"
kind = "regression"

[[tasks]]
name = "smog"
kind = "classification"
threshold = "f1"

[[tasks]]
name = "cbwd"
kind = "classification"
"""


def write_tables(folder: Path) -> None:
    """Write the rows of training, with their labels, and the week that is dropped."""
    table = pd.read_csv(DATA)
    table["time"] = pd.to_datetime(table[["year", "month", "day", "hour"]])
    is_known = table["pm2.5"].notna()
    smog = np.where(table["pm2.5"] > SMOG, "yes", "no")
    table["smog"] = pd.Series(smog, dtype="str").where(is_known)
    labelled = [*COLUMNS, "pm2.5", "smog", "cbwd"]
    table[labelled].head(26_000).to_csv(folder / "train.csv", index=False)
    table[COLUMNS].iloc[26_700:26_900].to_csv(folder / "new.csv", index=False)


def draw(browser: Chromium, width: int, path: Path) -> None:
    browser.resize(width, 844)
    if browser.evaluate("document.documentElement.scrollWidth") > width:
        raise SystemExit(f"the page is wider than {width} pixels")
    browser.picture(path)
    print(path)


def main() -> None:
    figures = ROOT / "docs" / "figures"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_tables(folder)
        (folder / "c.toml").write_text(CONFIG)
        mt.run_fit(folder / "c.toml", folder / "run", verbose=0)
        with (
            server(folder / "run", "--engine", "torch") as (_, port),
            Chromium(folder / "browser", width=1000) as browser,
        ):
            browser.call("Page.navigate", url=f"http://127.0.0.1:{port}/")
            about = "document.getElementById('about')?.textContent"
            browser.wait_for(f"{about}?.startsWith('Predicts')")
            browser.choose_file("#file", folder / "new.csv")
            browser.wait_for("document.getElementById('result')?.hidden === false")
            draw(browser, 1000, figures / "serve.png")
            draw(browser, 390, figures / "serve_phone.png")


if __name__ == "__main__":
    main()
