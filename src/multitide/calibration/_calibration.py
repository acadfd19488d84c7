"""All that a model has learned from its calibration set, as one module."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from multitide.calibration._calibrator import Calibrator


class Calibration(nn.Module):
    """The calibrators of a model's tasks; tasks without one keep their probabilities.

    Parameters
    ----------
    calibrators : mapping of str to Calibrator, optional
        By task.

    Attributes
    ----------
    tasks : list of str
        The calibrated tasks. Modules are numbered, because the name of a task may be any text.
    """

    def __init__(self, calibrators: Mapping[str, Calibrator] | None = None) -> None:
        super().__init__()
        calibrators = calibrators or {}
        self.tasks = list(calibrators)
        self.of_tasks = nn.ModuleList(calibrators.values())

    @property
    def by_task(self) -> dict[str, Calibrator]:
        """The calibrators by task, typed."""
        by_task = {}
        for name, calibrator in zip(self.tasks, self.of_tasks, strict=True):
            if isinstance(calibrator, Calibrator):
                by_task[name] = calibrator
        return by_task

    def forward(self, decoded: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return predictions by task with calibrated probabilities."""
        calibrated = dict(decoded)
        for name, calibrator in self.by_task.items():
            if name in decoded:
                calibrated[name] = calibrator(decoded[name])
        return calibrated
