"""Compare the default with its parts on 24-step forecasts.

    python benchmarks/forecasts.py [--columns TEMP PRES pm2.5] [--start 16000]

Windows of 24 hours of Beijing's weather, every second hour. 3,000 hours are for training, 750 for
validation and 750 for the test, one after the other, purged by window and horizon. Prints for each
column and model the validation loss (1 = the best constant), the RMSE of the test set beside that
of the last value, and the seconds of one core. `no start` is the forest without the last value:
its label is a copy of the column that is no input.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
import torch
from cases import DATA

import multitide as mt
from multitide.fitting._auto_backbone import forest_for_many
from multitide.tasks import Forecast

CHANNELS = ["pm2.5", "DEWP", "TEMP", "PRES", "Iws"]
WINDOW, STRIDE, HORIZON = 24, 2, 24
SIZES = {"train": 3000, "validation": 750, "test": 750}


def sets_of(column: str, start: int) -> dict[str, mt.Samples]:
    """Return training, validation and test set with labels of the column and of its copy."""
    table = pd.read_csv(DATA / "beijing_pm25.csv")
    table["time"] = pd.to_datetime(table[["year", "month", "day", "hour"]])
    table = table[["time", *CHANNELS]].assign(copy=table[column])
    sets = {}
    for name, n in SIZES.items():
        # The tables follow each other without a row in common.
        sets[name] = mt.read_table(
            table.iloc[start : start + n].reset_index(drop=True),
            tasks=[
                Forecast(column, horizon=HORIZON),
                Forecast("copy", horizon=HORIZON),
            ],
            channels=CHANNELS,
            time="time",
            window=WINDOW,
            stride=STRIDE,
            calendar=["hour"],
        )
        start += n
    return sets


def measure(model: mt.MultiTaskEstimator, sets: dict[str, mt.Samples]) -> list[float]:
    """Return the validation loss, the test RMSE, that of the last value, and the seconds."""
    started = time.process_time()
    model.fit(sets["train"], validation=sets["validation"])
    seconds = time.process_time() - started
    held_out = model.evaluate(sets["validation"]).set_index("metric")["value"]
    test = model.evaluate(sets["test"]).set_index("metric")["value"]
    last = test.get("persistence_rmse", np.nan)
    return [held_out["loss"], test["rmse"], last, seconds]


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", nargs="+", default=["TEMP", "PRES", "pm2.5"])
    parser.add_argument("--start", type=int, default=16_000, help="first hour")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    forest = forest_for_many(SIZES["train"] // STRIDE, len(CHANNELS) + 2)
    for column in arguments.columns:
        sets = sets_of(column, arguments.start)
        for name, task, backbone in (
            ("no start", "copy", forest),
            ("forest", column, forest),
            ("network", column, "lstm_fcn"),
            ("default", column, "auto"),
        ):
            model = mt.MultiTaskEstimator(
                [Forecast(task, horizon=HORIZON)],
                backbone=backbone,
                random_state=0,
                verbose=0,
            )
            loss, rmse, last, seconds = measure(model, sets)
            print(
                f"{column:6} {name:9} validation {loss:.3f}  test RMSE {rmse:.2f} "
                f"(last value {last:.2f})  {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
