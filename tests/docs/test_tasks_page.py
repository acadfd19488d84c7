"""What docs/guide/tasks.md shows, works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from multitide.tasks import TASKS, task_from_config

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "tasks.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs() -> None:
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(code, names)
    assert set(names["estimator"].evaluate(names["samples"])["task"]) == {"load", "state"}


def test_the_configuration_of_the_page_is_one() -> None:
    (code,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert [task_from_config(task).kind for task in tomllib.loads(code)["tasks"]] == [
        "forecast",
        "multi_label",
    ]


def test_every_kind_has_a_section() -> None:
    assert {cls.__name__ for cls in TASKS.values()} <= set(
        re.findall(r"^## `(\w+)`", PAGE, flags=re.MULTILINE)
    )
