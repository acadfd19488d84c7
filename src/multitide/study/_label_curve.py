"""The gain of sharing as a function of the share of labels."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypedDict, Unpack

import pandas as pd
from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt

from multitide._checks import check_choice, check_positive_int, listed, raise_problems
from multitide._claim_folder import CURVE_FORMAT, claim_folders
from multitide._estimator import MultiTaskEstimator
from multitide._notebook import note, panel, table
from multitide._result_folder import read_record, validated, writable, write_file
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._splits import Split, Splitter
from multitide.data._write_table import write_table
from multitide.errors import DataError, ParameterError
from multitide.study._compare import N_SEEDS, compare
from multitide.study._compare_options import OPTIONS, CompareOptions, unknown_options
from multitide.study._comparison import Comparison
from multitide.study.design._hidden_labels import Unit, fitting_unit, keep_share
from multitide.study.design._study_data import group_column, make_rule
from multitide.study.results._tables import (
    aligned,
    curve_table,
    gain_title,
    share_in_words,
)
from multitide.study.runs._timing import parse_budget
from multitide.tasks import Task, resolve_tasks

SHARES = (0.05, 0.2, 0.5, 1.0)
UNITS = ("auto", "sample", "series")
CURVE, RESULTS, SCHEMA = "curve.json", "results.parquet", 2
VERDICTS = {
    "helps": "it helps",
    "hurts": "it hurts",
    "same": "it makes no difference",
    "cannot tell": "the verdict is “cannot tell”",
    "failed": "it failed",
}

logger = logging.getLogger("multitide")


class CurveFacts(TypedDict):
    """How labels were hidden."""

    unit: Unit
    together: bool
    random_state: int
    draws: int


def label_curve(
    samples: Samples,
    tasks: Sequence[str | Task] | None = None,
    shares: Sequence[float] = SHARES,
    *,
    unit: Literal["auto", "sample", "series"] = "auto",
    together: bool = False,
    random_state: int = 0,
    estimator: MultiTaskEstimator | None = None,
    split: Splitter | Split | None = None,
    groups: str | Sequence[object] | None = None,
    budget: str | float | None = None,
    folder: str | Path | None = None,
    **options: Unpack[CompareOptions],
) -> LabelCurve:
    """Compare the arms with different shares of the labels, to see where sharing helps.

    The same study is run for each share, with the same seeds and test samples. Labels are hidden at
    random in the training and the validation set, because whoever has few labels has few to choose
    the epoch by. All labels of the test set stay. Each seed has its own draw, the same for all
    arms, so that intervals cover the choice of the labels. The labels that a smaller share keeps in
    a draw are also kept by larger shares. Losses are in units of the trivial loss of the first
    draw.

    Parameters
    ----------
    samples, tasks, estimator, split, groups
        As in :func:`multitide.compare`.
    shares : sequence of float, default=(0.05, 0.2, 0.5, 1.0)
        Fractions of the labels, above 0 and at most 1.
    unit : {"auto", "sample", "series"}, default="auto"
        What keeps or loses its labels as a whole, since windows of one series resemble each other.
        "auto" is "series" if the training set has at least 10 series of several samples, else
        "sample".
    together : bool, default=False
        Whether the same samples lose the labels of all tasks. If not, the labels of each task are
        drawn separately, the same fraction of each class; then few samples have labels of several
        tasks if shares are small.
    random_state : int, default=0
        Seed of the first draw of labels; the next draws have the following numbers.
    budget : str or number, optional
        Time limit for all shares; see :func:`multitide.compare`.
    folder : path, optional
        Where the study of each share is stored, in a folder of its own. Runs that are found there
        are not repeated.
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
        If arguments are invalid.
    DataError
        If samples or split are invalid, or a share leaves a task without labels.
    StoreError
        If `folder` cannot be written.
    """
    started = time.perf_counter()
    shares = check_shares(shares)
    check_choice("unit", unit, UNITS)
    raise_problems(unknown_options(options, "`label_curve`", OPTIONS))
    n_seeds = options.get("n_seeds", N_SEEDS)
    check_positive_int("n_seeds", n_seeds)
    seconds = parse_budget(budget)
    if estimator is None:
        estimator = MultiTaskEstimator()
    samples = DataSets(samples).only("`samples` of `label_curve`")
    specs = resolve_tasks(estimator.tasks if tasks is None else tasks, samples.y)
    rule = make_rule(samples, split, None)
    if groups is None:
        groups = group_column(rule)
    if isinstance(rule, Split):
        fixed_split = rule
    else:
        fixed_split = rule.split(samples)
    if unit == "auto":
        unit = fitting_unit(samples, fixed_split)
    facts = CurveFacts(
        unit=unit, together=together, random_state=random_state, draws=n_seeds
    )

    if folder is not None:
        _claim(Path(folder), shares)
    comparisons: dict[float, Comparison] = {}
    for number, share in enumerate(shares):
        logger.info("%s of the labels:", share_in_words(share))
        left = (seconds - (time.perf_counter() - started)) / (len(shares) - number)
        draws = _draw_labels(samples, specs, fixed_split, share, facts)
        try:
            comparisons[share] = compare(
                samples.replace(y=draws[0]),
                specs,
                estimator=estimator,
                split=fixed_split,
                groups=groups,
                budget=max(left, 1.0) if math.isfinite(left) else None,
                draws=draws if share < 1 else None,
                folder=None if folder is None else folder_of(Path(folder), share),
                **options,
            )
        except DataError as error:
            few = f"With {share_in_words(share)} of the labels"
            raise DataError(f"{few}: {error} Use larger `shares`.") from error
    curve = LabelCurve(comparisons, facts)
    if folder is not None:
        curve.save(folder)
    return curve


def check_shares(shares: Sequence[float]) -> list[float]:
    """Return the shares in ascending order.

    Raises
    ------
    ParameterError
        If they are not numbers above 0 and at most 1.
    """
    is_list = not isinstance(shares, str) and len(shares) > 0
    numbers = is_list and all(isinstance(share, (int, float)) for share in shares)
    if not numbers or not all(0 < share <= 1 for share in shares):
        raise ParameterError(
            f"`shares` must be numbers above 0 and at most 1; got {shares!r}."
        )
    return sorted({float(share) for share in shares})


def folder_of(folder: Path, share: float) -> Path:
    """Return the folder of the study of a share."""
    return folder / f"labels-{share:g}"


def _claim(folder: Path, shares: Sequence[float]) -> None:
    """Make the folder of a curve and those of its studies, or take them up again."""
    names = [folder_of(Path(), share).name for share in shares]
    claim_folders(folder, CURVE_FORMAT, names)


def _draw_labels(
    samples: Samples,
    tasks: Sequence[Task],
    split: Split,
    share: float,
    facts: CurveFacts,
) -> list[pd.DataFrame]:
    """Return the labels that each seed sees."""
    draws = []
    for number in range(facts["draws"]):
        draw = keep_share(
            samples,
            tasks,
            split,
            share,
            unit=facts["unit"],
            together=facts["together"],
            random_state=facts["random_state"] + number,
        )
        draws.append(draw)
    return draws


class _FactsRecord(BaseModel):
    unit: Unit
    together: bool
    random_state: NonNegativeInt
    draws: PositiveInt


class _CurveRecord(BaseModel):
    """What ``curve.json`` must contain."""

    shares: list[Annotated[float, Field(gt=0, le=1)]] = Field(min_length=1)
    facts: _FactsRecord


@dataclass(frozen=True)
class LabelCurve:
    """Which tasks gain from which arm with few and many labels.

    Made by :func:`multitide.label_curve`.

    Attributes
    ----------
    comparisons : dict of float to Comparison
        For each share of the labels, in ascending order, its study.
    facts : dict
        ``unit`` by which labels were hidden, whether ``together`` for all tasks, the
        ``random_state`` of the first draw, and the number of ``draws``, one per seed.
    """

    comparisons: Mapping[float, Comparison]
    facts: CurveFacts

    @property
    def shares(self) -> list[float]:
        """The shares of the labels, in ascending order."""
        return list(self.comparisons)

    @cached_property
    def gains(self) -> pd.DataFrame:
        """One row per share, task and arm.

        Columns: ``share``, ``n_train`` (number of training labels), and those of
        ``Comparison.gains``. Gains are in units of the trivial loss of their own share, i.e. of the
        best constant of these labels.
        """
        tables = []
        for share, comparison in self.comparisons.items():
            n_train = comparison.counts.groupby("task")["train"].mean()
            gains = comparison.gains.copy()
            gains.insert(0, "share", share)
            gains.insert(1, "n_train", gains["task"].map(n_train))
            tables.append(gains)
        return pd.concat(tables, ignore_index=True)

    @cached_property
    def mean_gains(self) -> pd.DataFrame:
        """One row per share and arm: ``share``, and the columns of ``Comparison.mean_gains``."""
        tables = []
        for share, c in self.comparisons.items():
            tables.append(c.mean_gains.assign(share=share))
        joined = pd.concat(tables, ignore_index=True)
        return joined[["share", *joined.columns.drop("share")]]

    def sentences(self) -> list[str]:
        """Return one sentence per task and arm with the verdicts by share."""
        sentences = []
        for (task, arm), rows in self.gains.groupby(["task", "arm"], sort=False):
            parts = []
            for verdict, found in rows.groupby("verdict", sort=False):
                shares = listed([share_in_words(share) for share in found["share"]])
                parts.append(f"with {shares} of the labels {VERDICTS[str(verdict)]}")
            sentences.append(f"“{arm}”, {task}: {'; '.join(parts)}.")
        return sentences

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
        """Write each study into its own folder, ``results.parquet``, and data to load the curve.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        folder = Path(folder)
        _claim(folder, self.shares)
        for share, comparison in self.comparisons.items():
            comparison.save(folder_of(folder, share))
        content = {
            "format": CURVE_FORMAT,
            "schema_version": SCHEMA,
            "shares": self.shares,
            "facts": dict(self.facts),
        }
        with writable(folder):
            write_table(self.gains, folder / RESULTS)
            write_file(
                folder / CURVE, json.dumps(content, indent=1, ensure_ascii=False)
            )
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> LabelCurve:
        """Read a curve; its gains are computed again from its runs.

        Raises
        ------
        StoreError
            If the folder has no curve, or one that is damaged or of another schema version.
        """
        path = Path(folder) / CURVE
        remedy = "Run `multitide compare` with label shares again."
        record = validated(
            read_record(path, CURVE_FORMAT, {SCHEMA}, remedy), _CurveRecord, path
        )
        comparisons = {}
        for share in record.shares:
            comparisons[share] = Comparison.load(folder_of(Path(folder), share))
        facts = record.facts
        return cls(
            comparisons,
            CurveFacts(
                unit=facts.unit,
                together=facts.together,
                random_state=facts.random_state,
                draws=facts.draws,
            ),
        )
