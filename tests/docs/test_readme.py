"""What the README shows, works."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multitide.config._config_problems import config_problems
from multitide.config._load_config import load_config

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The only block of code in a language."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return str(code)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`data.csv` in the working directory, as the README's examples suppose it."""
    rng = np.random.default_rng(0)
    hours = pd.date_range("2024-01-01", periods=700, freq="h")
    frame = pd.DataFrame(
        {
            "No": np.arange(700),
            "temperature": rng.normal(size=700),
            "vibration": rng.normal(size=700),
        }
    )
    for part in ("year", "month", "day", "hour"):
        frame[part] = getattr(hours, part)
    frame["load"] = (
        frame["temperature"].rolling(3, min_periods=1).mean().mask(rng.random(700) < 0.1)
    )
    frame["fault"] = np.where(frame["vibration"] > 0, "leak", "none")
    frame.to_csv(tmp_path / "data.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_lines_of_python_print_figures(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = block("python").replace("random_state=0", "random_state=0, max_epochs=1, verbose=0")
    assert "max_epochs=1" in code
    exec(code, {})
    printed = capsys.readouterr().out
    assert "fault" in printed
    assert "rmse" in printed


def test_the_configuration_has_no_problems(table: Path) -> None:
    (table / "multitide.toml").write_text(block("toml"), encoding="utf-8")
    assert config_problems(table / "multitide.toml") == []
    load_config(table / "multitide.toml").make_estimator()
