"""The tables of the tutorials: real ones where they lie next to the repository, else simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def beijing() -> pd.DataFrame:
    """Hourly weather, wind direction and PM2.5, one row per hour."""
    path = SHARED / "beijing_pm25.csv"
    if path.exists():
        print("Real table: UCI 381, Beijing 2010-2014, CC BY 4.0.")
        return pd.read_csv(path)
    print("Simulated table: the real one is not in ../shared/data.")
    rng = np.random.default_rng(0)
    times = pd.date_range("2010-01-01", periods=9000, freq="h")
    table = pd.DataFrame({"No": np.arange(1, 9001)})
    for part in ("year", "month", "day", "hour"):
        table[part] = getattr(times, part)
    weather = _drifting(rng, 9000, 4)
    table["pm2.5"] = np.round(np.exp(4 + weather[:, 0] + 0.3 * weather[:, 3]))
    table.loc[rng.random(9000) < 0.05, "pm2.5"] = np.nan
    table["DEWP"] = 10 + 8 * weather[:, 0]
    table["TEMP"] = 15 + 8 * weather[:, 1]
    table["PRES"] = 1015 - 6 * weather[:, 1] + 3 * weather[:, 2]
    directions = np.array(["SE", "cv", "NE", "NW"])
    table["cbwd"] = directions[np.digitize(weather[:, 3], [-0.7, 0, 0.7])]
    new_wind = table["cbwd"].ne(table["cbwd"].shift()).cumsum()
    table["Iws"] = table.groupby(new_wind).cumcount() * 2.0 + 1
    return table


def hydraulic() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sensors of a test rig, one row per second, and the labels of each cycle."""
    folder = SHARED / "hydraulic"
    if folder.exists():
        print("Real table: UCI 447, hydraulic test rig, CC BY 4.0.")
        return pd.read_parquet(folder / "series.parquet"), pd.read_csv(
            folder / "labels.csv"
        )
    print("Simulated table: the real one is not in ../shared/data.")
    rng = np.random.default_rng(0)
    runs = pd.DataFrame({"run": np.arange(60)})
    runs["cooler"] = rng.choice([3, 20, 100], 60)
    runs["valve"] = rng.choice([73, 80, 90, 100], 60)
    runs["pump"] = rng.choice([0, 1, 2], 60)
    runs["accumulator"] = rng.choice([90, 100, 115, 130], 60)
    runs["stable"] = rng.choice([0, 1], 60)
    labels = runs.loc[runs.index.repeat(8)].reset_index(drop=True)
    labels.insert(0, "cycle", np.arange(len(labels)))
    series = labels.loc[labels.index.repeat(60)].reset_index(drop=True)
    series["second"] = series.groupby("cycle").cumcount()
    noise = rng.normal(size=(len(series), 7))
    opens = (series["second"] > 20 - series["valve"] / 10).to_numpy()
    series["PS1"] = 160 + 20 * opens - 4 * series["pump"] + noise[:, 0]
    series["PS2"] = 110 * opens + series["accumulator"] / 10 + noise[:, 1]
    series["PS3"] = 2 * opens + 0.2 * noise[:, 2]
    series["EPS1"] = 2500 + 60 * series["pump"] + 30 * noise[:, 3]
    series["FS1"] = 8 * opens - series["pump"] + noise[:, 4]
    series["SE"] = 60 * opens + 3 * series["stable"] * noise[:, 5]
    series["CE"] = 20 + series["cooler"] / 4 + 2 * noise[:, 6]
    columns = ["cycle", "second", "PS1", "PS2", "PS3", "EPS1", "FS1", "SE", "CE"]
    return series[columns], labels


def intensive_care() -> pd.DataFrame:
    """Hours of intensive care, one row per hour, five labels that are mostly missing."""
    path = SHARED / "icu_demo" / "eicu.parquet"
    if path.exists():
        print("Real table: demo of eICU, Open Database License 1.0.")
        return pd.read_parquet(path)
    print("Simulated table: the real one is not in ../shared/data.")
    rng = np.random.default_rng(0)
    stays = []
    for stay in range(500):
        stays.append(_stay(rng, stay))
    return pd.concat(stays, ignore_index=True)


def _stay(rng: np.random.Generator, stay: int) -> pd.DataFrame:
    hours = int(rng.integers(26, 72))
    severity = rng.normal()
    table = pd.DataFrame({"stay_id": stay, "hour": np.arange(hours)})
    for name, mean, scale in (
        ("hr", 85, 12),
        ("sbp", 120, -12),
        ("resp", 19, 3),
        ("o2sat", 96, -1.5),
        ("crea", 1.2, 0.4),
        ("lact", 2, 0.7),
    ):
        values = mean + scale * (severity + 0.7 * _drifting(rng, hours, 1)[:, 0])
        table[name] = np.where(rng.random(hours) < 0.4, values, np.nan)
    table["static_age"] = round(65 + 8 * severity + 10 * rng.normal())
    table["static_sex"] = float(rng.integers(2))
    table["sepsis"] = pd.array([int(severity > 1.3)] * hours, dtype="Int8")
    table["aki"] = pd.array([int(severity + rng.normal() > 1)] * hours, dtype="Int8")
    table["hours_to_discharge"] = np.arange(hours, 0, -1.0)
    at_hour_24 = table["hour"] == 24
    died = int(severity + 0.5 * rng.normal() > 1.3)
    table["death"] = pd.array([died] * hours, dtype="Int8")
    table.loc[~at_hour_24, "death"] = pd.NA
    creatinine = 1.2 + 0.5 * severity + 0.2 * rng.normal()
    table["creatinine_next_day"] = np.where(at_hour_24, creatinine, np.nan)
    return table


def _drifting(rng: np.random.Generator, n_rows: int, n_columns: int) -> np.ndarray:
    """Values that follow the value before them, with mean 0 and standard deviation 1."""
    steps = rng.normal(size=(n_rows, n_columns)) * np.sqrt(1 - 0.9**2)
    values = np.zeros_like(steps)
    values[0] = rng.normal(size=n_columns)
    for row in range(1, n_rows):
        values[row] = 0.9 * values[row - 1] + steps[row]
    return values
