"""`predict` to a folder writes parts with the rows of `predict` to a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import multitide as mt
from multitide.cli import app
from multitide.data.tables import _read_parts as read_parts


def frame(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"machine": np.arange(n) // 100})
    table["t"] = np.arange(n) % 100
    table["x"] = rng.normal(size=n).cumsum().round(3)
    table["load"] = table["x"].round(1)
    return table.assign(state=np.where(table["x"] > 0, "on", "off"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples = mt.read_table(
        frame(),
        tasks=["load", "state"],
        channels=["x"],
        series="machine",
        time="t",
        window=8,
        stride=3,
    )
    estimator = mt.MultiTaskEstimator(
        backbone="linear", validation=None, random_state=0, verbose=0
    )
    folder = tmp_path_factory.mktemp("model") / "model"
    return estimator.fit(samples).save(folder)


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


@pytest.mark.parametrize("last", [(), ("--last",)])
def test_parts_have_the_rows_of_one_file(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last: tuple[str, ...],
) -> None:
    monkeypatch.setattr(read_parts, "MOST_VALUES", 200)
    data = tmp_path / "data.csv"
    frame().to_csv(data, index=False)
    said = predict(model, data, "--output", tmp_path / "one.parquet", *last)
    assert said.exit_code == 0, said.output
    said = predict(model, data, "--output", tmp_path / "out", *last)
    assert said.exit_code == 0, said.output
    one = pd.read_parquet(tmp_path / "one.parquet")
    assert len(list((tmp_path / "out").iterdir())) > 1
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out"), one)
    assert f"{len(one)} rows" in said.output
    if last:
        assert one["machine"].tolist() == [0, 1, 2]
        assert one["t"].tolist() == [99, 99, 99]


def test_what_is_wrong_ends_in_one_message_and_leaves_nothing(
    model: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.csv"
    frame().iloc[::-1].to_csv(data, index=False)
    said = predict(model, data, "--output", tmp_path / "out")
    assert (said.exit_code, said.stderr.count("Error:")) == (2, 1)
    assert "order of time" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    said = predict(model, data, "--output", tmp_path / "out")
    assert said.exit_code == 2
    assert "`output`" in said.stderr
