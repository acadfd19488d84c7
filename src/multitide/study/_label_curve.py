"""Tracing the gain of sharing over the share of labels."""

from __future__ import annotations

import inspect
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from multitide._checks import (
    check_choice,
    check_positive_int,
    listed,
    raise_problems,
    suggest,
)
from multitide._estimator import MultiTaskEstimator
from multitide._notebook import note, panel, table
from multitide._result_folder import write_file
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._splits import Split, Splitter
from multitide.errors import DataError, ParameterError, StoreError
from multitide.study._archive import write_table
from multitide.study._compare import compare
from multitide.study._comparison import Comparison
from multitide.study.design._hidden_labels import fitting_unit, keep_share
from multitide.study.design._study_data import make_rule
from multitide.study.results._tables import aligned, curve_table, gain_title
from multitide.study.runs._timing import parse_budget
from multitide.tasks import Task, resolve_tasks

SHARES = (0.05, 0.2, 0.5, 1.0)
UNITS = ("auto", "sample", "series")
NOT_OPTIONS = (  # said here, or not at all
    *("samples", "tasks", "estimator", "split", "cv", "groups", "folder", "budget", "draws"),
)

logger = logging.getLogger("multitide")


def label_curve(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    shares: Sequence[float] = SHARES,
    *,
    unit: str = "auto",
    together: bool = False,
    random_state: int = 0,
    estimator: MultiTaskEstimator | None = None,
    split: Splitter | Split | None = None,
    groups: str | Sequence[Any] | None = None,
    budget: str | float | None = None,
    folder: str | Path | None = None,
    **options: Any,
) -> LabelCurve:
    """Compare the arms with few labels and with more of them, to see where sharing pays.

    The same study is conducted for each share, with the same seeds on the same test rows. Labels
    are hidden at random in the training and in the validation part, since whoever has few labels
    has few to choose the epoch by; those of the test part all stay. Every seed has a draw of its
    own, the same for all arms, so that the spread over seeds, and with it the intervals, includes
    which labels there happened to be. What a smaller share keeps in a draw, a larger one keeps too.
    Losses have the trivial loss of the first draw as their unit.

    Parameters
    ----------
    samples, tasks, estimator, split, groups
        As in :func:`multitide.compare`.
    shares : sequence of float, default=(0.05, 0.2, 0.5, 1.0)
        Of the labels, above 0, at most 1.
    unit : {"auto", "sample", "series"}, default="auto"
        What keeps or loses its labels as a whole: windows of one series resemble each other.
        "auto": series, where at least 10 series of several samples teach; else samples.
    together : bool, default=False
        Whether the same samples lose the labels of all tasks. Else each task's labels are drawn for
        themselves, the same share of each class; then few samples have labels of several tasks
        where shares are small.
    random_state : int, default=0
        Seed of the first draw of labels; the next seed's is one more, and so on.
    budget : str or number, optional
        Time that all of it may take; see :func:`multitide.compare`.
    folder : path, optional
        Where each share's study is kept in a folder of its own; what is found there is not
        repeated.
    **options
        Other arguments of :func:`multitide.compare`: ``arms``, ``n_seeds``, ``margin``, ``n_jobs``,
        ...

    Returns
    -------
    LabelCurve
        Print it, or read its ``gains`` and ``comparisons``.

    Raises
    ------
    ParameterError
        With what is wrong with the arguments.
    DataError
        With what is wrong with the samples or the split; if a share leaves a task without labels.
    StoreError
        If `folder` cannot be written.
    """
    shares = check_shares(shares)
    check_choice("unit", unit, UNITS)
    known = [name for name in inspect.signature(compare).parameters if name not in NOT_OPTIONS]
    raise_problems(
        [
            f"`label_curve` has no parameter {n!r}.{suggest(n, known)}"
            for n in options
            if n not in known
        ]
    )
    seconds, started = parse_budget(budget), time.perf_counter()
    estimator = MultiTaskEstimator() if estimator is None else estimator
    samples = DataSets(samples).only("`samples` of `label_curve`")
    specs = resolve_tasks(estimator.tasks if tasks is None else tasks, samples.y)
    rule = make_rule(samples, split, None)
    if groups is None and isinstance(rule, Splitter) and rule.by == "group":
        groups = rule.column
    cut = rule if isinstance(rule, Split) else rule.split(samples)
    how: dict[str, Any] = {
        "unit": fitting_unit(samples, cut) if unit == "auto" else unit,
        "together": together,
    }
    n_seeds = options.get("n_seeds", inspect.signature(compare).parameters["n_seeds"].default)
    check_positive_int("n_seeds", n_seeds)
    seeds = range(random_state, random_state + n_seeds)
    facts = how | {"random_state": random_state, "draws": n_seeds}
    curve = LabelCurve({}, facts)
    for number, share in enumerate(shares):
        logger.info("%g %% of the labels:", share * 100)
        left = (seconds - (time.perf_counter() - started)) / (len(shares) - number)
        draws = [keep_share(samples, specs, cut, share, random_state=seed, **how) for seed in seeds]
        comparison = _compare_share(
            samples.replace(y=draws[0]),
            share,
            draws=None if share == 1 else draws,
            tasks=specs,
            estimator=estimator,
            split=cut,
            groups=groups,
            budget=None if math.isinf(left) else max(left, 1.0),
            folder=None if folder is None else folder_of(Path(folder), share),
            **options,
        )
        curve = LabelCurve({**curve.comparisons, share: comparison}, facts)
    if folder is not None:
        curve.save(folder)
    return curve


def check_shares(shares: Sequence[float]) -> list[float]:
    """Return the shares, the least first, or refuse them."""
    right = (
        not isinstance(shares, str)
        and len(shares)
        and all(isinstance(s, (int, float)) for s in shares)
    )
    if not right or not all(0 < share <= 1 for share in shares):
        raise ParameterError(f"`shares` must be numbers above 0 and at most 1; got {shares!r}.")
    return sorted({float(share) for share in shares})


def _compare_share(samples: Samples, share: float, **options: Any) -> Any:
    try:
        return compare(samples, **options)
    except DataError as error:
        raise DataError(
            f"With {share * 100:g} % of the labels: {error} Use larger `shares`."
        ) from error


CURVE, RESULTS, FORMAT = "curve.json", "results.parquet", "multitide label curve"


WORDS = {
    "helps": "helps",
    "hurts": "hurts",
    "same": "makes no difference",
    "cannot tell": "cannot be told",
    "failed": "gives no answer",
}


@dataclass(frozen=True)
class LabelCurve:
    """Which tasks gain by which arm with few labels, and with more of them; made by :func:`multitide.label_curve`.

    Attributes
    ----------
    comparisons : dict of float to Comparison
        For each share of the labels, the least first, the study with so many of them.
    facts : dict
        ``unit`` that labels were hidden by, whether ``together`` for all tasks, the
        ``random_state`` of the first draw, and how many ``draws`` there are, one a seed; of older
        curves it is missing: all seeds saw the first one.
    """

    comparisons: Mapping[float, Comparison]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shares(self) -> list[float]:
        """The shares of the labels, the least first."""
        return list(self.comparisons)

    @cached_property
    def gains(self) -> pd.DataFrame:
        """One row a share, task and arm: ``share``, ``n_train`` (labels that teach), and as ``Comparison.gains``.

        Gains are in units of the trivial loss of their own share: of the best constant that so few
        labels give.
        """
        return pd.concat(
            [_with_share(c.gains, share, c) for share, c in self.comparisons.items()],
            ignore_index=True,
        )

    @cached_property
    def mean_gains(self) -> pd.DataFrame:
        """One row a share and arm that answers all tasks: ``share``, and as ``Comparison.mean_gains``."""
        tables = [c.mean_gains.assign(share=share) for share, c in self.comparisons.items()]
        table = pd.concat(tables, ignore_index=True)
        return table[["share", *table.columns.drop("share")]]

    def sentences(self) -> list[str]:
        """Say for each task and arm with what share of the labels it helps, hurts, ..."""
        return [
            f"“{arm}”, {task}: {_told(rows)}."
            for (task, arm), rows in self.gains.groupby(["task", "arm"], sort=False)
        ]

    def table(self) -> pd.DataFrame:
        """Return the gains as text: one row per task, arm and share."""
        return curve_table(self.gains, self._first.margin)

    @property
    def _first(self) -> Comparison:
        return next(iter(self.comparisons.values()))

    @property
    def _title(self) -> str:
        return f"{gain_title(self._first.reference, self._first.confidence)}, by label share"

    def __str__(self) -> str:
        return f"{self._title}:\n\n{aligned(self.table())}"

    def _repr_html_(self) -> str:
        """Return what notebooks show: the gains by the share of labels."""
        rows = self.table().to_dict("records")
        return panel(self._title, table(rows), *map(note, self.sentences()))

    def save(self, folder: str | Path) -> Path:
        """Write each study into a folder of its own, ``results.parquet``, and what :meth:`load` needs.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        folder = Path(folder)
        for share, comparison in self.comparisons.items():
            comparison.save(folder_of(folder, share))
        content = {
            "format": FORMAT,
            "schema_version": 1,
            "shares": self.shares,
            "facts": dict(self.facts),
        }
        try:
            write_table(self.gains, folder / RESULTS)
            write_file(folder / CURVE, json.dumps(content, indent=1, ensure_ascii=False))
        except OSError as error:
            raise StoreError(
                f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
            ) from error
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> LabelCurve:
        """Read a curve; its gains are computed anew from its runs.

        Raises
        ------
        StoreError
            If the folder holds no curve, or one that is damaged or was written by a newer
            multitide.
        """
        path = Path(folder) / CURVE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT or content["schema_version"] != 1:
                raise ValueError(
                    f"its format is {content['format']!r}, {content['schema_version']!r}"
                )
            shares, facts = [float(share) for share in content["shares"]], content["facts"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"`folder` must be a label curve with {CURVE!r}; got {str(folder)!r} ({error})."
            ) from error
        return cls(
            {share: Comparison.load(folder_of(Path(folder), share)) for share in shares}, facts
        )


def folder_of(folder: Path, share: float) -> Path:
    """Return where the study of a share lies."""
    return folder / f"labels-{share:g}"


def _with_share(gains: pd.DataFrame, share: float, comparison: Comparison) -> pd.DataFrame:
    n_train = comparison.counts.groupby("task")["train"].mean()
    table = gains.assign(share=share, n_train=gains["task"].map(n_train))
    return table[["share", "n_train", *gains.columns]]


def _told(rows: pd.DataFrame) -> str:
    parts = []
    for verdict, found in rows.groupby("verdict", sort=False):
        shares = listed([f"{share * 100:g} %" for share in found["share"]])
        parts.append(f"with {shares} of the labels it {WORDS[str(verdict)]}")
    return "; ".join(parts)
