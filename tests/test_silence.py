"""`verbose=0` writes, logs and warns of nothing, in everything that trains."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import multitide as mt
from makers import a_third_now, small
from multitide._silence import collecting, silence

TOML = """
tasks = [{ name = "load" }]
backbone = { name = "fcn", filters = [4, 4, 4] }
max_epochs = 1
random_state = 0
data = { path = "rows.csv", window = 14, stride = 4, static = ["place"] }
split = { by = "random" }
"""


def rows() -> pd.DataFrame:
    """Return rows whose overlapping windows, drawn at random, are warned of."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(260, 2)), columns=["u", "v"])
    return table.assign(load=table["u"].rolling(5, min_periods=1).mean(), place="a")


SAMPLES = mt.read_table(rows(), tasks=["load"], window=14, stride=4, static=["place"])


def model(**params: Any) -> mt.MultiTaskEstimator:
    fcn = mt.backbones.BACKBONES["fcn"](filters=(4, 4, 4))
    return small(backbone=fcn, max_epochs=1, **params)


RANDOM = mt.Splitter(by="random")
STUDY: dict[str, Any] = {"split": RANDOM, "n_seeds": 1, "n_jobs": 1}


def fit(folder: Path, verbose: int) -> None:
    model(verbose=verbose, validation=RANDOM).fit(SAMPLES)


def run_fit(folder: Path, verbose: int) -> None:
    mt.run_fit("small.toml", folder / "run", verbose=verbose)


def compare(folder: Path, verbose: int) -> None:
    arms = ["hard", "constant"]
    mt.compare(
        SAMPLES,
        estimator=model(),
        arms=arms,
        reference="constant",
        verbose=verbose,
        **STUDY,
    )


def compare_many(folder: Path, verbose: int) -> None:
    given = {"samples": SAMPLES, "estimator": model(), "arms": ["hard", "constant"]}
    each = {**given, "reference": "constant", **STUDY}
    mt.compare_many({"one": each, "two": each}, verbose=verbose)  # type: ignore[dict-item]


def label_curve(folder: Path, verbose: int) -> None:
    mt.label_curve(
        SAMPLES,
        shares=[1.0],
        estimator=model(),
        arms=["hard", "constant"],
        reference="constant",
        verbose=verbose,
        **STUDY,
    )


def tune(folder: Path, verbose: int) -> None:
    space = {"lr": [0.001, 0.01]}
    mt.tune(
        SAMPLES,
        estimator=model(),
        space=space,
        n_trials=2,
        budget=None,
        n_jobs=1,
        split=RANDOM,
        verbose=verbose,
    )


def group_tasks(folder: Path, verbose: int) -> None:
    two = SAMPLES
    two = two.replace(y=two.y.assign(other=two.y["load"] + 1.5))
    mt.group_tasks(two, estimator=model(), verbose=verbose, **STUDY)


CALLS = [fit, run_fit, compare, compare_many, label_curve, tune, group_tasks]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("verbose", a_third_now([0, 1]))
def test_verbose_0_is_silent_everywhere(
    call: Callable[[Path, int], None],
    verbose: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "small.toml").write_text(TOML)
    rows().to_csv(tmp_path / "rows.csv", index=False)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with caplog.at_level(logging.INFO):
            call(tmp_path, verbose)
    out, err = capfd.readouterr()
    assert not out
    said = [err, *caplog.messages, *(str(warning.message) for warning in caught)]
    assert any(said) == bool(verbose), said


def test_what_is_collected_is_not_silenced(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("multitide")
    with silence(0):
        logger.warning("one")
    with collecting(), silence(0):
        logger.warning("two")
    logger.warning("three")
    assert caplog.messages == ["two", "three"]


@pytest.mark.parametrize("run", [compare, tune])
def test_a_line_is_written_per_finished_run_where_there_is_no_terminal(
    run: Callable[[Path, int], None], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mt.MultitideWarning)
        run(tmp_path, 1)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("done" in line for line in lines)
