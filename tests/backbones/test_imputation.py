"""The latest measured step of each channel."""

from __future__ import annotations

import pytest
import torch

from multitide.backbones._imputation import last_measured


def test_last_measured_is_the_same_while_exporting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    measured = torch.rand(4, 3, 15) < torch.tensor([0.0, 0.3, 1.0])[:, None]
    expected = []
    for row in measured.flatten(0, 1):
        last, steps = -1, []
        for step in range(15):
            last = step if row[step] else last
            steps.append(last)
        expected.append(steps)
    assert last_measured(measured).flatten(0, 1).tolist() == expected
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert last_measured(measured).flatten(0, 1).tolist() == expected
