"""What an explanation holds: tables of importance, and the reasons for one sample."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class TaskReasons:
    """What one prediction for one sample rests on.

    Attributes
    ----------
    answer : str
        What is explained: ``p(fault = valve)``, or the name of the number.
    value, baseline : float
        The answer for the sample, and for its baseline.
    steps : ndarray, shape (n_channels, n_timepoints)
        What each value of the series contributes to the difference.
    static : dict of str to float
        What each static input contributes.
    tree_share : float
        Weight of trees in the answer, which have no gradient.
    """

    answer: str
    value: float
    baseline: float
    steps: np.ndarray
    static: dict[str, float]
    tree_share: float = 0.0

    @property
    def rest(self) -> float:
        """What the gradients do not account for: trees, and the error of the integral."""
        explained = float(self.steps.sum()) + sum(self.static.values())
        return self.value - self.baseline - explained


@dataclass(frozen=True)
class SampleReasons:
    """Integrated gradients for one sample.

    Attributes
    ----------
    row : int
        Number of the sample, from 0.
    origin : str
        Its series, and its time if it has one.
    channels : tuple of str
    series : ndarray, shape (n_channels, n_timepoints)
        The raw series.
    tasks : dict of str to TaskReasons
    """

    row: int
    origin: str
    channels: tuple[str, ...]
    series: np.ndarray
    tasks: dict[str, TaskReasons]

    @property
    def table(self) -> pd.DataFrame:
        """One row per task and input: ``contribution``, the sum over the steps of a channel."""
        rows = []
        for task, reasons in self.tasks.items():
            of_channels = zip(self.channels, reasons.steps.sum(axis=1), strict=True)
            for name, value in [*of_channels, *reasons.static.items()]:
                rows.append((task, name, float(value)))
        return pd.DataFrame(rows, columns=["task", "input", "contribution"])


@dataclass(frozen=True, repr=False)
class Explanation:
    """Which inputs the predictions of a model rest on; see :func:`multitide.explain`.

    Attributes
    ----------
    importance : DataFrame
        One row per task and part of the input, the most important first: ``task``, ``kind``
        ("channel", "group", "static" or "segment"), ``input``; ``loss``, how much the loss rises if
        the part is permuted, in units of the trivial loss; ``metric``, and ``change``, how much the
        main metric becomes worse; the 95 % intervals of both over the repeats, ``loss_low``,
        ``loss_high``, ``change_low``, ``change_high``; ``n_labelled``.
    scores : DataFrame
        The loss and the main metric of each task as the data are. Empty without labels.
    sample : SampleReasons or None
        The reasons for one sample.
    n_samples, n_repeats : int
        How many samples were used, and how often each part was permuted.
    notes : list of str
        What a reader should know.
    """

    importance: pd.DataFrame
    scores: pd.DataFrame
    sample: SampleReasons | None
    n_samples: int
    n_repeats: int
    notes: list[str] = field(default_factory=list)

    @property
    def tasks(self) -> list[str]:
        """The tasks that are explained."""
        names = dict.fromkeys(self.importance["task"])
        if self.sample is not None:
            names |= dict.fromkeys(self.sample.tasks)
        return list(names)

    def __repr__(self) -> str:
        """Return the sizes; the tables would fill the screen."""
        tasks = ", ".join(self.tasks)
        return f"<Explanation: tasks {tasks}; {self.n_samples} samples>"
