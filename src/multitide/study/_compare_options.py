"""The arguments of :func:`multitide.compare` that other functions pass on to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pandas as pd

from multitide._checks import suggest
from multitide._estimator import MultiTaskEstimator
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.study.design._arms import Arms
from multitide.study.design._study_data import Folds, SplitRule, TestGroups
from multitide.study.runs._workers import Listener
from multitide.tasks import Task


class _Options(TypedDict, total=False):
    n_seeds: int
    margin: float
    confidence: float
    engine: str
    n_jobs: int | None
    progress: Listener | None
    verbose: int


class CompareOptions(_Options, total=False):
    """What is the same for each label share of a :class:`multitide.LabelCurve`."""

    arms: Arms
    reference: str
    conditions: bool


class ConditionOptions(_Options, total=False):
    """What :func:`multitide.check_conditions` passes on."""

    split: Splitter | Split | None
    cv: int | Splitter | None
    groups: TestGroups
    budget: str | float | None


class StudyArguments(CompareOptions, total=False):
    """The study of one data set of :func:`multitide.compare_many`; `samples` is required."""

    samples: Samples
    until_conclusive: bool
    robust: bool | None
    tasks: Sequence[str | Task] | None
    estimator: MultiTaskEstimator | None
    split: SplitRule
    cv: Folds
    groups: TestGroups
    draws: Sequence[pd.DataFrame] | None


def unknown_options(
    given: Mapping[str, object], where: str, known: Sequence[str]
) -> list[str]:
    """Return one problem per argument that is not among the known ones."""
    options = []
    for name in given:
        if name not in known:
            options.append(f"{where} has no parameter {name!r}.{suggest(name, known)}")
    return options
