"""A simulated hydraulic test rig with known causes: three of its four tasks share one.

A rig runs load cycles with components of graded wear. The wear is hidden. Each of ten sensors
responds to several kinds of wear at once, with noise and with the calibration of its machine.

=================  ===============================================================================
valve wear         The spool follows the command with a first-order lag that grows with wear.
pump wear          Leakage flow = wear x pressure / viscosity; it lowers pressure and flow and
                   heats the oil.
bearing wear       Vibration at the (aliased) shaft frequency, and friction that draws current
                   and heats.
cooler fouling     Heat transfer falls, so the oil ends hotter and later, and the outlet of the
                   cooler is closer to it.
filter clogging    The pressure drop grows with the square of the flow.
operator's hand    The rhythm of a hand wheel that the rig ignores: nothing else depends on it.
=================  ===============================================================================
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from multitide._checks import raise_problems
from multitide.data._rig_arguments import (
    label_share_problems,
    share_problems,
    size_problems,
)
from multitide.data._rig_labels import TASKS, hide_labels, labels_of
from multitide.data._rig_sensors import (
    CHANNELS,
    DISPLACEMENT,
    drop_values,
    ideal_readings,
    sensor_readings,
)
from multitide.data._samples import Samples


def simulate_rig(
    n_runs: int = 600,
    *,
    n_machines: int = 20,
    n_timepoints: tuple[int, int] = (60, 120),
    relatedness: float = 1.0,
    label_share: float | Mapping[str, float] = 1.0,
    missing: float = 0.1,
    missing_blocks: float = 0.1,
    missing_values: float = 0.02,
    noise: float = 1.0,
    random_state: int | None = 0,
) -> Samples:
    """Simulate runs of a hydraulic test rig with four tasks, of which three share a cause.

    Parameters
    ----------
    n_runs : int, default=600
        Number of runs; each is one sample.
    n_machines : int, default=20
        Number of rigs that the runs are divided among. Rigs differ in pump type, age and
        calibration of their sensors, so a split by group (``series`` is the rig) estimates the
        error on a new rig.
    n_timepoints : (int, int), default=(60, 120)
        Shortest and longest run, in steps of one second; at least 12.
    relatedness : float, default=1.0
        From 0 (severity and remaining life come from other hidden states than the fault, and from
        different ones) to 1 (all three from the wear of the worst component). It changes only the
        labels; the series are identical.
    label_share : float or dict of task to float, default=1.0
        Fraction of the runs that keep their label, drawn separately for each task, before
        `missing` and `missing_blocks` apply.
    missing : float, default=0.1
        Fraction of the labels of each task that are missing at random.
    missing_blocks : float, default=0.1
        Fraction of the labels of each task that are missing in one block of consecutive runs. Each
        task has its own block.
    missing_values : float, default=0.02
        Fraction of missing channel values and static inputs, at most 0.3. Of the channel values,
        half are missing alone and half in stretches.
    noise : float, default=1.0
        Factor by which the noise of all sensors is multiplied.
    random_state : int or None, default=0
        Seed. None draws a new one.

    Returns
    -------
    Samples
        In order of time, with ten channels. Tasks: ``fault`` (none, valve, pump,
        bearing), ``severity`` (0 to 100 %), ``remaining_life`` (hours at the load of the run),
        ``operator`` (A, B, C: unrelated). Static inputs: ``machine_type`` and ``age`` (years).
        ``series`` is the rig; ``time``, ``begin`` and ``finish`` are date and time of day.

    Raises
    ------
    ParameterError
        If any arguments are invalid; the message lists them all.

    See Also
    --------
    rig_truth : The tasks that are related, by construction.
    """
    if isinstance(label_share, Mapping):
        shares = dict(label_share)
    else:
        shares = dict.fromkeys(TASKS, label_share)
    levels = {
        "relatedness": relatedness,
        "missing": missing,
        "missing_blocks": missing_blocks,
    }
    raise_problems(
        size_problems(n_runs, n_machines, n_timepoints, noise, random_state)
        + share_problems(levels)
        + share_problems({"missing_values": missing_values}, most=0.3)
        + label_share_problems(shares)
    )
    # One stream each for the runs, the sensors, missing values and missing labels, so that one
    # argument does not change what the others draw.
    rngs = []
    for seed in np.random.SeedSequence(random_state).spawn(4):
        rngs.append(np.random.default_rng(seed))
    machines = _draw_machines(n_machines, rngs[0])
    runs = _draw_runs(n_runs, n_timepoints, machines, rngs[0])
    ideal = ideal_readings(runs, n_timepoints[1], rngs[1])
    series = sensor_readings(ideal, runs, noise, rngs[1])
    series = drop_values(series, runs["length"].to_numpy(), missing_values, rngs[2])
    statics = runs[["machine_type", "age"]]
    statics = statics.mask(rngs[2].random(statics.shape) < missing_values)
    y = labels_of(runs, relatedness)
    y = hide_labels(y, shares, missing, missing_blocks, rngs[3])
    return _as_samples(series, runs, y, statics)


def _draw_machines(n_machines: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the pump type, the age and the sensor calibrations (gain, offset) of each rig."""
    drawn = {
        "machine_type": rng.choice(list(DISPLACEMENT), n_machines),
        "age": rng.uniform(0, 15, n_machines).round(1),
    }
    drawn["unbalance"] = rng.lognormal(0, 0.15, n_machines)
    for name in CHANNELS:
        drawn[f"gain_{name}"] = rng.normal(1, 0.01, n_machines)
        drawn[f"offset_{name}"] = rng.normal(0, 1, n_machines)
    names = []
    for number in range(1, n_machines + 1):
        names.append(f"rig-{number:02d}")
    return pd.DataFrame(drawn, index=pd.Index(names, name="machine"))


def _draw_runs(
    n_runs: int,
    n_timepoints: tuple[int, int],
    machines: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw the hidden states and the settings of each run, and add those of its rig."""
    machine = rng.permutation(np.arange(n_runs) % len(machines))
    own = machines.iloc[machine].reset_index()
    day = np.sort(rng.uniform(0, 365, n_runs))
    states = {}
    for name in ("valve", "pump", "bearing", "cooler", "filter", "hand"):
        states[name] = rng.uniform(0, 1, n_runs)
    season = 20 - 4 * np.cos(2 * np.pi * day / 365)
    start = np.datetime64("2025-01-01", "s")
    settings = {
        "length": rng.integers(n_timepoints[0], n_timepoints[1] + 1, n_runs),
        "level": rng.uniform(0.75, 1.0, n_runs),  # share of the rated load
        "period": rng.uniform(16, 30, n_runs),  # s, of the load cycle
        "phase": rng.uniform(0, 1, n_runs),
        "ambient": season + rng.normal(0, 1, n_runs),  # degrees C
        "begin": start + (day * 86400).astype("timedelta64[s]"),
    }
    return own.assign(**states, **settings)


def _as_samples(
    series: np.ndarray, runs: pd.DataFrame, y: pd.DataFrame, statics: pd.DataFrame
) -> Samples:
    """Cut each run to its length, and make samples of all."""
    lengths = runs["length"].to_numpy()
    blocks = []
    for run, length in zip(series, lengths, strict=True):
        blocks.append(run[:, :length])
    begin = runs["begin"].to_numpy()
    finish = begin + (lengths - 1).astype("timedelta64[s]")
    series_of = runs["machine"].to_numpy()
    samples = Samples.from_arrays(
        blocks,
        y,
        static=statics,
        series=series_of,
        time=finish,
        channels=tuple(CHANNELS),
    )
    return samples.replace(begin=begin)
