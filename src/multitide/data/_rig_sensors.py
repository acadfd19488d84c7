"""The physics of the simulated rig, and what its sensors read."""

from __future__ import annotations

import numpy as np
import pandas as pd

CHANNELS = {  # name: noise of one reading, in the unit of the channel
    "command": 0.01,  # share of the rated load
    "pressure": 3.0,  # bar
    "flow": 0.8,  # L/min
    "filter_drop": 0.4,  # bar
    "current": 0.5,  # A
    "vibration": 0.6,  # mm/s
    "oil_temperature": 0.5,  # degrees C
    "cooler_temperature": 0.5,  # degrees C
    "bearing_temperature": 0.5,  # degrees C
    "trim": 0.2,  # % of the hand wheel's travel
}
DISPLACEMENT = {"gear": 31.0, "vane": 33.0, "piston": 35.0}  # L/min at rated speed
RATED_PRESSURE = 160.0  # bar


def ideal_readings(
    runs: pd.DataFrame, n_steps: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Compute the true value of each channel by lumped models of a hydraulic circuit.

    Parameters
    ----------
    runs : DataFrame, one row per run
        Hidden wear and settings.
    n_steps : int
    rng : Generator

    Returns
    -------
    dict of str to ndarray, shape (n_runs, n_steps)
        By channel.
    """
    ambient = _column(runs, "ambient")
    machine_type = runs["machine_type"].map(DISPLACEMENT).to_numpy()[:, None]
    # Earlier runs have warmed the oil.
    oil_before = ambient + rng.normal(22, 2, ambient.shape)
    # Relative to that at 42 degrees C (Reynolds' exponential law).
    viscosity = np.exp(-0.02 * (oil_before - 42))

    command = _command(runs, n_steps)
    load_share = 0.35 + 0.65 * _lag(command, 0.8 + 4.0 * _column(runs, "valve"))
    load = RATED_PRESSURE * load_share
    gaps = 1.0 + 0.1 * _column(runs, "age") + 8.0 * _column(runs, "pump")
    leakage = gaps * load / RATED_PRESSURE / viscosity  # L/min
    pressure = load - 2.0 * leakage
    flow = machine_type - leakage
    clogging = 0.4 + 1.6 * _column(runs, "filter")
    filter_drop = clogging * viscosity * (flow / 30) ** 2

    friction = 0.4 + 1.2 * _column(runs, "bearing")
    friction = friction * (0.5 + 0.5 * load / RATED_PRESSURE)  # kW
    hydraulic = pressure * flow / 600  # kW, of bar and L/min
    losses = pressure * leakage / 600 + filter_drop * flow / 600
    heat = losses + friction + 0.15 * hydraulic  # kW
    transfer = 0.12 * (1 - 0.6 * _column(runs, "cooler"))  # kW/K, of the cooler
    # The heat capacity is 10 kJ/K.
    oil = _lag(ambient + heat / transfer, 10.0 / transfer, oil_before)
    bearing_seconds = np.full_like(ambient, 40.0)
    signals = {
        "command": command,
        "pressure": pressure,
        "flow": flow,
        "filter_drop": filter_drop,
        # At 400 V, three phases and a power factor of 0.85.
        "current": 1.7 * (hydraulic / 0.9 + friction) + 4.0,
        "vibration": _vibration(runs, load, rng),
        "oil_temperature": oil,
        "cooler_temperature": ambient + (oil - ambient) * np.exp(-transfer / 0.1),
        "bearing_temperature": _lag(
            oil + 10 * friction, bearing_seconds, oil_before + 5
        ),
        "trim": _hand_wheel(runs, n_steps, rng),
    }
    return {name: signals[name] for name in CHANNELS}


def _column(runs: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of `runs` with shape (n_runs, 1)."""
    values: np.ndarray = runs[name].to_numpy()[:, None]
    return values


def _command(runs: pd.DataFrame, n_steps: int) -> np.ndarray:
    """Return the commanded load: half of each cycle at the level of the run, half at 30 % of it."""
    clock = np.arange(n_steps) / _column(runs, "period") + _column(runs, "phase")
    return np.asarray(_column(runs, "level") * np.where(clock % 1 < 0.5, 1.0, 0.3))


def _lag(
    target: np.ndarray, seconds: np.ndarray, start: np.ndarray | None = None
) -> np.ndarray:
    """Follow `target` (n_runs, n_steps) as a first-order system; `seconds` is its time constant."""
    gain = 1 - np.exp(-1 / seconds[:, 0])
    if start is None:
        state = target[:, 0]
    else:
        state = start[:, 0]
    followed = np.empty_like(target)
    for step in range(target.shape[1]):
        state = state + gain * (target[:, step] - state)
        followed[:, step] = state
    return followed


def _vibration(
    runs: pd.DataFrame, load: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the vibration in mm/s: turns of the shaft, aliased by one reading per second."""
    wear = _column(runs, "bearing")
    unbalance = _column(runs, "unbalance")
    loading = 0.5 + 0.5 * load / RATED_PRESSURE
    amplitude = unbalance * (0.8 + 4.0 * wear**1.5) * loading
    # Cycles per step; slip differs from run to run.
    alias = rng.uniform(0.15, 0.35, wear.shape)
    start = rng.uniform(0, 1, wear.shape)
    turns = alias * np.arange(load.shape[1]) + start
    return np.asarray(amplitude * np.sin(2 * np.pi * turns))


def _hand_wheel(
    runs: pd.DataFrame, n_steps: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the position in % of a wheel that an operator keeps turning.

    Each operator has a rhythm of their own, from high, quick and small to low, slow and wide.
    """
    hand = _column(runs, "hand")
    # The floor leaves a gap between operators.
    style = (np.floor(3 * hand) + hand) / 3
    level = 54 - 8 * style + rng.normal(0, 1.5, hand.shape)  # %
    period = 5 * 3**style * rng.lognormal(0, 0.05, hand.shape)  # s
    size = 0.4 * 5**style * rng.lognormal(0, 0.15, hand.shape)
    start = rng.uniform(0, 1, hand.shape)
    drift = np.cumsum(rng.normal(0, 0.05, (len(runs), n_steps)), axis=1)
    turns = np.arange(n_steps) / period + start
    return np.asarray(level + drift + size * np.sin(2 * np.pi * turns))


def sensor_readings(
    signals: dict[str, np.ndarray],
    runs: pd.DataFrame,
    noise: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Apply the calibration of the rig's sensor and add noise to each channel.

    Returns
    -------
    ndarray of float32, shape (n_runs, n_channels, n_steps)
    """
    readings = []
    for name, signal in signals.items():
        gain = _column(runs, f"gain_{name}")
        offset = _column(runs, f"offset_{name}")
        spread = noise * CHANNELS[name]
        error = 0.5 * offset + rng.normal(0, 1, signal.shape)
        readings.append(gain * signal + spread * error)
    return np.stack(readings, axis=1).astype(np.float32)


def drop_values(
    series: np.ndarray, lengths: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Set a share of the values to NaN: half alone, half in stretches of a fifth of the run."""
    alone = rng.random(series.shape) < share / 2
    steps = np.arange(series.shape[2])
    position = (steps / lengths[:, None])[:, None, :]  # 0 .. 1 within the run
    # From -0.2, so that every step is equally likely to lie in a stretch.
    first = rng.uniform(-0.2, 1.0, (*series.shape[:2], 1))
    out = rng.random(first.shape) < 3 * share
    stretch = out & (position >= first) & (position < first + 0.2)
    return np.where(alone | stretch, np.float32(np.nan), series)
