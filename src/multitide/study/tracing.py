"""Tracing the gain of sharing over the share of labels."""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multitide.checks import check_choice, check_positive_int, suggest
from multitide.config import raise_problems
from multitide.errors import DataError, ParameterError
from multitide.estimator import MultiTaskEstimator
from multitide.samples import Samples
from multitide.splits import Split, Splitter
from multitide.study.conduct import compare
from multitide.study.cost import parse_budget
from multitide.study.curve import LabelCurve, folder_of
from multitide.study.cutting import make_rule
from multitide.study.hiding import fitting_unit, keep_share
from multitide.study.protocol import only_samples
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

    The same study is conducted for each share, with the same seeds on the same test rows. Labels are hidden at random
    in the training and in the validation part, since whoever has few labels has few to choose the epoch by; those of
    the test part all stay. Every seed has a draw of its own, the same for all arms, so that the spread over seeds, and
    with it the intervals, includes which labels there happened to be. What a smaller share keeps in a draw, a larger
    one keeps too. Losses have the trivial loss of the first draw as their unit.

    Parameters
    ----------
    samples, tasks, estimator, split, groups
        As in :func:`multitide.compare`.
    shares : sequence of float, default=(0.05, 0.2, 0.5, 1.0)
        Of the labels, above 0, at most 1.
    unit : {"auto", "sample", "series"}, default="auto"
        What keeps or loses its labels as a whole: windows of one series resemble each other. "auto": series, where at
        least 10 series of several samples teach; else samples.
    together : bool, default=False
        Whether the same samples lose the labels of all tasks. Else each task's labels are drawn for themselves, the
        same share of each class; then few samples have labels of several tasks where shares are small.
    random_state : int, default=0
        Seed of the first draw of labels; the next seed's is one more, and so on.
    budget : str or number, optional
        Time that all of it may take; see :func:`multitide.compare`.
    folder : path, optional
        Where each share's study is kept in a folder of its own; what is found there is not repeated.
    **options
        Other arguments of :func:`multitide.compare`: ``arms``, ``n_seeds``, ``margin``, ``n_jobs``, ...

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
    raise_problems([f"`label_curve` has no parameter {n!r}.{suggest(n, known)}" for n in options if n not in known])
    seconds, started = parse_budget(budget), time.perf_counter()
    estimator = MultiTaskEstimator() if estimator is None else estimator
    samples = only_samples(samples, "a curve over shares of labels")
    specs = resolve_tasks(estimator.tasks if tasks is None else tasks, samples.y)
    rule = make_rule(samples, split, None)
    if groups is None and isinstance(rule, Splitter) and rule.by == "group":
        groups = rule.column
    cut = rule if isinstance(rule, Split) else rule.split(samples)
    how: dict[str, Any] = {"unit": fitting_unit(samples, cut) if unit == "auto" else unit, "together": together}
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
    right = not isinstance(shares, str) and len(shares) and all(isinstance(s, (int, float)) for s in shares)
    if not right or not all(0 < share <= 1 for share in shares):
        raise ParameterError(f"`shares` must be numbers above 0 and at most 1; got {shares!r}.")
    return sorted({float(share) for share in shares})


def _compare_share(samples: Samples, share: float, **options: Any) -> Any:
    try:
        return compare(samples, **options)
    except DataError as error:
        raise DataError(f"With {share * 100:g} % of the labels: {error} Use larger `shares`.") from error
