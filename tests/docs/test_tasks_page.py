"""The page on tasks has a section for every kind, and its configuration means what it says."""

from __future__ import annotations

import re
import tomllib

from documents import blocks, page
from multitide.tasks import TASKS, task_from_config


def test_the_configuration_of_the_page_is_one() -> None:
    (code,) = blocks("guide/tasks", "toml")
    tasks = [task_from_config(task) for task in tomllib.loads(code)["tasks"]]
    assert [task.kind for task in tasks] == ["forecast", "multi_label"]


def test_every_kind_has_a_section() -> None:
    sections = re.findall(r"^## `(\w+)`", page("guide/tasks"), flags=re.MULTILINE)
    kinds = {cls.__name__ for cls in TASKS.values()} - {"Survival"}  # has its own page
    assert kinds <= set(sections)
