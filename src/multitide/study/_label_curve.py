"""The gain of sharing as a function of the share of labels."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Sequence, Sized
from pathlib import Path
from typing import Literal, Unpack

import pandas as pd

from multitide._budget import parse_budget
from multitide._checks import (
    as_path,
    check_choice,
    check_positive_int,
    check_type,
    raise_problems,
)
from multitide._estimator import MultiTaskEstimator
from multitide._network_or_default import network_or_default
from multitide._one_process import one_process
from multitide._silence import silent_on_request
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.errors import DataError, ParameterError
from multitide.fitting._recipe import resolve_seed
from multitide.study._compare import N_SEEDS, compare
from multitide.study._compare_options import CompareOptions, unknown_options
from multitide.study._comparison import Comparison
from multitide.study._curve import CurveFacts, LabelCurve, claim_curve, folder_of
from multitide.study.design._hidden_labels import fitting_unit, keep_share
from multitide.study.design._study_data import group_column, make_rule
from multitide.study.results._tables import share_in_words
from multitide.tasks import Task, resolve_tasks
from multitide.tasks._declared_kinds import with_declared_kinds

SHARES = (0.05, 0.2, 0.5, 1.0)
UNITS = ("auto", "sample", "series")

logger = logging.getLogger("multitide")


@silent_on_request
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
    check_type("together", together, bool)
    known = CompareOptions.__annotations__
    raise_problems(unknown_options(options, "`label_curve`", list(known)))
    n_seeds = options.get("n_seeds", N_SEEDS)
    check_positive_int("n_seeds", n_seeds)
    random_state = resolve_seed(random_state)
    seconds = parse_budget(budget)
    estimator = network_or_default(estimator, samples)
    samples = DataSets(samples).only("`samples` of `label_curve`")
    specs = resolve_tasks(estimator.tasks if tasks is None else tasks, samples.y)
    rule = make_rule(samples, split, None)
    if groups is None:
        groups = group_column(rule)
    if not isinstance(rule, Split):
        rule = rule.split(with_declared_kinds(samples, specs))
    if unit == "auto":
        unit = fitting_unit(samples, rule)
    facts = CurveFacts(
        unit=unit, together=together, random_state=random_state, draws=n_seeds
    )

    if folder is not None:
        folder = as_path("folder", folder)
        claim_curve(folder, shares)
    with one_process(folder):
        comparisons: dict[float, Comparison] = {}
        for number, share in enumerate(shares):
            logger.info("%s of the labels:", share_in_words(share))
            left = seconds - (time.perf_counter() - started)
            comparisons[share] = _study_of_share(
                samples,
                specs,
                share,
                facts,
                folder,
                estimator=estimator,
                split=rule,
                groups=groups,
                budget=_budget_of_next(left, len(shares) - number),
                **options,
            )
        curve = LabelCurve(comparisons, facts)
        if folder is not None:
            curve.save(folder)
    return curve


def _study_of_share(
    samples: Samples,
    tasks: Sequence[Task],
    share: float,
    facts: CurveFacts,
    folder: Path | None,
    *,
    estimator: MultiTaskEstimator,
    split: Split,
    groups: str | Sequence[object] | None,
    budget: float | None,
    **options: Unpack[CompareOptions],
) -> Comparison:
    """Return the study of one share of the labels; `folder` is that of the whole curve."""
    draws = _draw_labels(samples, tasks, split, share, facts)
    if folder is not None:
        folder = folder_of(folder, share)
    try:
        return compare(
            samples.replace(y=draws[0]),
            tasks,
            estimator=estimator,
            split=split,
            groups=groups,
            budget=budget,
            draws=draws if share < 1 else None,
            robust=False,
            folder=folder,
            **options,
        )
    except DataError as error:
        few = f"With {share_in_words(share)} of the labels"
        raise DataError(f"{few}: {error} Use larger `shares`.") from error


def _budget_of_next(seconds: float, n_studies: int) -> float | None:
    """Return the time of the next of so many studies; None without a limit."""
    if not math.isfinite(seconds):
        return None
    return max(seconds / n_studies, 1.0)


def check_shares(shares: Sequence[float]) -> list[float]:
    """Return the shares in ascending order.

    Raises
    ------
    ParameterError
        If they are not numbers above 0 and at most 1.
    """
    is_list = isinstance(shares, Sized) and isinstance(shares, Iterable)
    if not is_list or not len(shares) or not all(map(_is_share, shares)):
        raise ParameterError(
            f"`shares` must be numbers above 0 and at most 1; got {shares!r}."
        )
    return sorted(set(map(float, shares)))


def _is_share(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 < value <= 1


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
