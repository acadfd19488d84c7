"""A simulated hydraulic test rig whose hidden truth is known: which tasks share a cause, and which one does not.

A rig runs load cycles with components of graded wear. Nobody sees the wear; ten sensors see its
effects, each of them several wears at once, through a sensor's noise and its machine's own
calibration.

    valve wear       the spool follows the command with a first-order lag that grows with wear pump
    wear        leakage flow = wear x pressure / viscosity; it lowers pressure and flow and heats
    the oil bearing wear     vibration amplitude at the (aliased) shaft frequency, and friction that
    draws current and heats cooler fouling   heat transfer falls, so the oil ends hotter and later,
    and the cooler's outlet lies closer to it filter clogging  pressure drop grows with the square
    of the flow operator's hand  rhythm of a hand wheel that the rig ignores: no other quantity
    depends on it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from multitide._checks import suggest
from multitide.data._samples import Samples
from multitide.errors import ParameterError

TASKS = ("fault", "severity", "remaining_life", "operator")
RELATED = ("fault", "severity", "remaining_life")
CHANNELS = {  # name: noise of one reading, in the channel's unit
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
FAULT_LIMIT = 0.25 ** (
    1 / 3
)  # wear of the worst of three components exceeds it in three runs of four
RATED_LIFE = 1000.0  # hours, of unworn components at full load
OPERATORS = np.array(["A", "B", "C"])


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
    """Simulate runs of a hydraulic test rig, with four tasks of which three share a cause.

    Parameters
    ----------
    n_runs : int, default=600
        Number of runs; each is one sample.
    n_machines : int, default=20
        Number of rigs the runs are dealt to. Rigs differ in pump type, age and calibration of their
        sensors, so a split by group (``series`` is the rig) asks for what a new rig will show.
    n_timepoints : (int, int), default=(60, 120)
        Shortest and longest run, in steps of one second; at least 12.
    relatedness : float, default=1.0
        From 0 (severity and remaining life come from other hidden states than the fault, and from
        different ones) to 1 (all three from the wear of the worst component). It changes labels
        only; the series stay the same, bit by bit.
    label_share : float or dict of task to float, default=1.0
        Share of the runs that keep their label, drawn anew for each task; before `missing` and
        `missing_blocks`.
    missing : float, default=0.1
        Share of each task's labels missing at random.
    missing_blocks : float, default=0.1
        Share of each task's labels missing in one block of consecutive runs (another block for each
        task).
    missing_values : float, default=0.02
        Share of channel values and of static inputs missing, at most 0.3; of the channel values
        half alone, half in stretches.
    noise : float, default=1.0
        Factor on the noise of all sensors.
    random_state : int or None, default=0
        The same number gives the same bits; None draws a new one.

    Returns
    -------
    Samples
        In order of time. Channels as in ``simulate.CHANNELS``. Tasks: ``fault`` (none, valve, pump,
        bearing), ``severity`` (0 to 100 %), ``remaining_life`` (hours at the load of the run),
        ``operator`` (A, B, C: unrelated). Static inputs: ``machine_type`` and ``age`` (years).
        ``series`` is the rig; ``time``, ``begin`` and ``finish`` are date and time of day.

    Raises
    ------
    ParameterError
        With every argument that is wrong.

    See Also
    --------
    rig_truth : which tasks are related, as they were made.
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
    _raise_any(
        _size_problems(n_runs, n_machines, n_timepoints, noise, random_state)
        + _share_problems(levels)
        + _share_problems({"missing_values": missing_values}, most=0.3)
        + _label_share_problems(shares)
    )
    rngs = []
    for seed in np.random.SeedSequence(random_state).spawn(4):
        rngs.append(np.random.default_rng(seed))
    machines = _draw_machines(n_machines, rngs[0])
    runs = _draw_runs(n_runs, n_timepoints, machines, rngs[0])
    series = _read_sensors(
        _physics(runs, n_timepoints[1], rngs[1]), runs, noise, rngs[1]
    )
    series = _drop_values(series, runs["length"].to_numpy(), missing_values, rngs[2])
    statics = runs[["machine_type", "age"]]
    statics = statics.mask(rngs[2].random(statics.shape) < missing_values)
    y = _hide_labels(
        _label(runs, relatedness), shares, missing, missing_blocks, rngs[3]
    )
    return _as_samples(series, runs, y, statics)


def _draw_machines(n_machines: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw what belongs to a rig: pump type, age, and the calibration (gain, offset) of each sensor."""
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
    """Draw the hidden states and the settings of every run, one row a run, joined with those of its rig."""
    dealt = machines.iloc[
        rng.permutation(np.arange(n_runs) % len(machines))
    ].reset_index()
    day = np.sort(rng.uniform(0, 365, n_runs))
    states = {}
    for name in ("valve", "pump", "bearing", "cooler", "filter", "hand"):
        states[name] = rng.uniform(0, 1, n_runs)
    settings = {
        "length": rng.integers(n_timepoints[0], n_timepoints[1] + 1, n_runs),
        "level": rng.uniform(0.75, 1.0, n_runs),  # share of the rated load
        "period": rng.uniform(16, 30, n_runs),  # s, of the load cycle
        "phase": rng.uniform(0, 1, n_runs),
        "ambient": 20
        - 4 * np.cos(2 * np.pi * day / 365)
        + rng.normal(0, 1, n_runs),  # degrees C
        "begin": np.datetime64("2025-01-01", "s")
        + (day * 86400).astype("timedelta64[s]"),
    }
    return dealt.assign(**states, **settings)


def _physics(
    runs: pd.DataFrame, n_steps: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return what ideal sensors would read, each (n_runs, n_steps), by lumped models of a hydraulic circuit."""
    r = {}
    for name in ("valve", "pump", "bearing", "cooler", "filter", "age"):
        r[name] = runs[name].to_numpy()[:, None]
    ambient, level = (
        runs["ambient"].to_numpy()[:, None],
        runs["level"].to_numpy()[:, None],
    )
    clock = (
        np.arange(n_steps) / runs["period"].to_numpy()[:, None]
        + runs["phase"].to_numpy()[:, None]
    )
    command = level * np.where(clock % 1 < 0.5, 1.0, 0.3)
    oil_before = ambient + rng.normal(
        22, 2, ambient.shape
    )  # the runs before have warmed the oil
    viscosity = np.exp(
        -0.02 * (oil_before - 42)
    )  # relative to that at 42 degrees C (Reynolds' exponential law)
    load = RATED_PRESSURE * (0.35 + 0.65 * _lag(command, 0.8 + 4.0 * r["valve"]))
    leakage = (
        (1.0 + 0.1 * r["age"] + 8.0 * r["pump"]) * load / RATED_PRESSURE / viscosity
    )  # L/min
    pressure = load - 2.0 * leakage
    flow = runs["machine_type"].map(DISPLACEMENT).to_numpy()[:, None] - leakage
    filter_drop = (0.4 + 1.6 * r["filter"]) * viscosity * (flow / 30) ** 2
    friction = (0.4 + 1.2 * r["bearing"]) * (0.5 + 0.5 * load / RATED_PRESSURE)  # kW
    hydraulic = pressure * flow / 600  # kW, of bar and L/min
    heat = (
        pressure * leakage / 600
        + filter_drop * flow / 600
        + friction
        + 0.15 * hydraulic
    )  # kW
    transfer = 0.12 * (1 - 0.6 * r["cooler"])  # kW/K, of the cooler
    oil = _lag(
        ambient + heat / transfer, 10.0 / transfer, oil_before
    )  # heat capacity 10 kJ/K
    cooler = ambient + (oil - ambient) * np.exp(-transfer / 0.1)
    bearing = _lag(oil + 10 * friction, np.full_like(ambient, 40.0), oil_before + 5)
    current = (
        1.7 * (hydraulic / 0.9 + friction) + 4.0
    )  # A, at 400 V, three phases, power factor 0.85
    vibration = _vibration(runs, load, rng)
    trim = _hand_wheel(runs, n_steps, rng)
    signals = (
        command,
        pressure,
        flow,
        filter_drop,
        current,
        vibration,
        oil,
        cooler,
        bearing,
        trim,
    )
    return dict(zip(CHANNELS, signals, strict=True))


def _lag(
    target: np.ndarray, seconds: np.ndarray, start: np.ndarray | None = None
) -> np.ndarray:
    """Follow `target` (n_runs, n_steps) as a first-order system of the time constant `seconds` (n_runs, 1)."""
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
    """Return the vibration, mm/s: the shaft's turns, aliased by reading once a second; wear raises the amplitude."""
    wear, unbalance = (
        runs["bearing"].to_numpy()[:, None],
        runs["unbalance"].to_numpy()[:, None],
    )
    amplitude = (
        unbalance * (0.8 + 4.0 * wear**1.5) * (0.5 + 0.5 * load / RATED_PRESSURE)
    )
    alias = rng.uniform(
        0.15, 0.35, wear.shape
    )  # cycles a step: slip differs from run to run
    start = rng.uniform(0, 1, wear.shape)
    return amplitude * np.sin(2 * np.pi * (alias * np.arange(load.shape[1]) + start))


def _hand_wheel(
    runs: pd.DataFrame, n_steps: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the position of a wheel that an operator keeps turning, %: each hand has its own rhythm."""
    hand = runs["hand"].to_numpy()[:, None]
    style = (
        np.floor(3 * hand) + hand
    ) / 3  # from high, quick and small to low, slow and wide; a gap between operators
    level = 54 - 8 * style + rng.normal(0, 1.5, hand.shape)  # %
    period = 5 * 3**style * rng.lognormal(0, 0.05, hand.shape)  # s
    size, start = (
        0.4 * 5**style * rng.lognormal(0, 0.15, hand.shape),
        rng.uniform(0, 1, hand.shape),
    )
    drift = np.cumsum(rng.normal(0, 0.05, (len(runs), n_steps)), axis=1)
    return (
        level + drift + size * np.sin(2 * np.pi * (np.arange(n_steps) / period + start))
    )


def _read_sensors(
    signals: dict[str, np.ndarray],
    runs: pd.DataFrame,
    noise: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the readings (n_runs, n_channels, n_steps): true value, calibration of the rig's sensor, noise."""
    read = []
    for name, signal in signals.items():
        gain, offset = (
            runs[f"gain_{name}"].to_numpy()[:, None],
            runs[f"offset_{name}"].to_numpy()[:, None],
        )
        spread = noise * CHANNELS[name]
        read.append(
            gain * signal + spread * (0.5 * offset + rng.normal(0, 1, signal.shape))
        )
    return np.stack(read, axis=1).astype(np.float32)


def _drop_values(
    series: np.ndarray, lengths: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Return `series` with a share of the values NaN: half alone, half in stretches of a fifth of the run."""
    alone = rng.random(series.shape) < share / 2
    position = (np.arange(series.shape[2]) / lengths[:, None])[
        :, None, :
    ]  # 0 .. 1 within the run
    first = rng.uniform(
        -0.2, 1.0, (*series.shape[:2], 1)
    )  # so that every step is equally likely in a stretch
    out = rng.random(first.shape) < 3 * share
    stretch = out & (position >= first) & (position < first + 0.2)
    return np.where(alone | stretch, np.float32(np.nan), series)


def _label(runs: pd.DataFrame, relatedness: float) -> pd.DataFrame:
    """Return the labels, computed from the hidden states (and the load, for the remaining life) without noise."""
    parts = runs[["valve", "pump", "bearing"]]
    worst = parts.max(axis=1).to_numpy()
    wear = ndtri(worst**3)  # normal scores of the worst of three uniform wears
    shared, own = np.sqrt(relatedness), np.sqrt(1 - relatedness)
    severity = ndtr(shared * wear + own * ndtri(runs["cooler"].to_numpy()))
    spent = ndtr(shared * wear + own * ndtri(runs["filter"].to_numpy()))
    return pd.DataFrame(
        {
            "fault": np.where(
                worst > FAULT_LIMIT, parts.idxmax(axis=1).to_numpy(dtype=object), "none"
            ),
            "severity": 100 * severity,
            "remaining_life": RATED_LIFE
            * (1 - spent)
            / runs["level"].to_numpy(),  # Archard: wear grows with load
            "operator": OPERATORS[(3 * runs["hand"].to_numpy()).astype(int)],
        }
    )


def _hide_labels(
    y: pd.DataFrame,
    shares: Mapping[str, float],
    missing: float,
    blocks: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return `y` with labels hidden by run, at random and in one block of consecutive runs a task."""
    n_runs, n_block = len(y), round(blocks * len(y))
    hidden = {}
    for task in TASKS:
        kept = rng.permutation(n_runs) < round(shares.get(task, 1.0) * n_runs)
        since_start = np.arange(n_runs) - rng.integers(0, n_runs - n_block + 1)
        in_block = (since_start >= 0) & (since_start < n_block)
        hidden[task] = ~kept | in_block | (rng.random(n_runs) < missing)
    return y.mask(pd.DataFrame(hidden))


def _as_samples(
    series: np.ndarray, runs: pd.DataFrame, y: pd.DataFrame, statics: pd.DataFrame
) -> Samples:
    """Lay the runs end to end, each cut to its length."""
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


def _raise_any(problems: list[str]) -> None:
    if problems:
        raise ParameterError("\n".join(problems))


def _size_problems(
    n_runs: Any, n_machines: Any, n_timepoints: Any, noise: Any, random_state: Any
) -> list[str]:
    """Return one sentence for every size that is wrong."""
    whole = {"n_runs": n_runs, "n_machines": n_machines}
    problems = []
    for name, n in whole.items():
        if not _is_whole(n, 1):
            problems.append(f"`{name}` must be a positive int; got {n!r}.")
    pair = isinstance(n_timepoints, (tuple, list)) and len(n_timepoints) == 2
    if (
        not pair
        or not all(_is_whole(n, 12) for n in n_timepoints)
        or n_timepoints[0] > n_timepoints[1]
    ):
        problems.append(
            f"`n_timepoints` must be two whole numbers from 12, the shorter first; got {n_timepoints!r}."
        )
    if (
        isinstance(noise, bool)
        or not isinstance(noise, (int, float))
        or not 0 <= noise < np.inf
    ):
        problems.append(f"`noise` must be a number of at least 0; got {noise!r}.")
    if random_state is not None and not _is_whole(random_state, 0):
        problems.append(
            f"`random_state` must be a whole number of at least 0, or None; got {random_state!r}."
        )
    return problems


def _is_whole(number: Any, least: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= least


def _share_problems(shares: Mapping[str, Any], most: float = 1.0) -> list[str]:
    """Return one sentence for every share outside [0, most]."""
    problems = []
    for name, share in shares.items():
        if (
            isinstance(share, bool)
            or not isinstance(share, (int, float))
            or not 0 <= share <= most
        ):
            problems.append(
                f"`{name}` must be a number from 0 to {most:g}; got {share!r}."
            )
    return problems


def _label_share_problems(shares: Mapping[str, Any]) -> list[str]:
    """Return one sentence for every entry of `label_share` that names no task or is no share."""
    unknown = []
    for name in shares:
        if name not in TASKS:
            unknown.append(
                f"`label_share` must name tasks of the rig; got {name!r}.{suggest(name, TASKS)}"
            )
    return unknown + _share_problems(
        {f"label_share[{name}]": share for name, share in shares.items()}
    )
