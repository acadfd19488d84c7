"""Training, validation and test parts that do not leak into each other: by time, group, chance or a column."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, train_test_split

from multitide._checks import check_fraction, suggest
from multitide._part import Part
from multitide.data._purging import purged, time_of, warn_of_overlap
from multitide.data._samples import Samples
from multitide.data._strata import choose_groups, strata
from multitide.errors import DataError, ParameterError

logger = logging.getLogger("multitide")

Index = NDArray[np.int64]
Rule = Literal["time", "group", "random", "column"]
SIDES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
SIDES |= {"dev": "validation", "test": "test", "testing": "test"}
REMEDIES = {
    "time": 'Label more of that period, or split by="group" or by="random".',
    "group": 'Take other groups with `random_state`, or split by="time" or by="random".',
    "random": "The task has too few labels: label more samples or leave the task out.",
    "column": "Change the column, or leave the task out.",
}
FEW = "A table gives more with `series` (one sample a series) or `window`."
NOTHING_KEPT = (
    "`split` by {by} must leave samples to train on; got none (all others overlap the held-out ones in time, or there "
    'are none). Hold out less, or split by="group".'
)


@dataclass(frozen=True)
class Split:
    """Three parts of one :class:`Samples`, as int indices into it.

    Attributes
    ----------
    train, validation, test : ndarray of int64
        Places of the samples; samples in none of them were purged, because they would leak.
    """

    train: Index
    validation: Index
    test: Index

    def counts(self, y: pd.DataFrame) -> pd.DataFrame:
        """Return how many labelled rows each task has on each side: one row a task, one column a side."""
        sides = {"train": self.train, "validation": self.validation, "test": self.test}
        counts = {}
        for side, index in sides.items():
            counts[side] = y.iloc[index].notna().sum()
        return pd.DataFrame(counts, index=y.columns).rename_axis("task")


@dataclass
class Splitter(Part):
    """Divide samples into training, validation and test parts.

    Parameters
    ----------
    by : {"time", "group", "random", "column"}
        "time" holds out the last samples and purges: no training sample shares a time stamp (leads
        included) with a held-out one. "group" keeps a series, or all samples with one value of
        `column`, on one side. "random" draws, stratified by the class labels where they allow it.
        "column" reads train, validation and test from `column`.
    test : float
        Held-out share of the samples.
    validation : float
        Share of what is left after the test part; 0 for none.
    column : str, optional
        A column of ``samples.extra``: the sides for ``by="column"``, the groups for ``by="group"``.
    n_folds : int
        Number of folds of :meth:`folds`.
    random_state : int, optional
        Seed of the draws.
    """

    by: Rule = "time"
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.15
    column: str | None = None
    n_folds: Annotated[int, Field(ge=2)] = 5
    random_state: int | None = 0

    def split(self, samples: Samples) -> Split:
        """Return one split.

        Raises
        ------
        DataError
            If there is nothing to split by, or a task has no label on a side.
        """
        self.check("split")
        if self.by == "column":
            keep, validation, test = _sides(self._extra(samples))
        else:
            keep, test = self._hold_out(samples, np.arange(len(samples)), self.test)
            validation = test[:0]
        return self._finished(samples, keep, validation, test)

    def folds(self, samples: Samples) -> list[Split]:
        """Return `n_folds` splits, each with another fold as its test part.

        Folds by time are blocks, purged on both sides; by group they are scikit-learn's
        ``GroupKFold``; by column each of its values is a fold. The validation part is cut from the
        rest by the same rule.
        """
        self.check("split")
        splits = []
        for test in self._test_folds(samples):
            keep = np.setdiff1d(np.arange(len(samples)), test)
            if self.by == "time":
                keep = purged(samples, keep, test)
            splits.append(self._finished(samples, keep, test[:0], test))
        return splits

    def hold_out(self, samples: Samples, fraction: float) -> tuple[Index, Index]:
        """Cut the samples once by the rule.

        Parameters
        ----------
        samples : Samples
        fraction : float
            Share of the samples to hold out.

        Returns
        -------
        keep, held_out : ndarray of int64
        """
        self.check("split")
        check_fraction("fraction", fraction)
        everything = np.arange(len(samples))
        keep, held = self._cut_rule(samples)._hold_out(samples, everything, fraction)
        self._check_sides(samples, {"kept": keep, "held-out": held})
        warn_of_overlap(samples, keep, held, self.by)
        return keep, held

    def _finished(
        self, samples: Samples, keep: Index, validation: Index, test: Index
    ) -> Split:
        """Cut the validation part, and refuse a split that cannot be used."""
        train = keep
        if self.validation and not len(validation):
            train, validation = self._cut_rule(samples)._hold_out(
                samples, keep, self.validation
            )
        split = Split(train, validation, test)
        self._check_sides(
            samples, {"train": train, "validation": validation, "test": test}
        )
        for part, others in (
            (train, np.concatenate([validation, test])),
            (validation, test),
        ):
            warn_of_overlap(samples, part, others, self.by)
        return split

    def _cut_rule(self, samples: Samples) -> Splitter:
        """Return the rule that cuts once; a column of sides says nothing about that, so the safest one that can."""
        if self.by != "column":
            return self
        n_series = len(pd.unique(samples.series))
        if 1 < n_series < len(samples):
            by: Rule = "group"
        else:
            by = "random"
        if n_series == 1 and samples.time is not None:
            by = "time"
        logger.info(
            f"`{self.column}` has no validation part: cut from the training part by {by}."
        )
        return Splitter(by=by, random_state=self.random_state)

    def _hold_out(
        self, samples: Samples, index: Index, fraction: float
    ) -> tuple[Index, Index]:
        """Cut the samples at `index` in two; both parts are sorted."""
        if not fraction:
            return index, index[:0]
        if len(index) < 2:
            raise DataError(
                f"`split` must have at least two samples to divide; got {len(index)}. {FEW}"
            )
        rules = {
            "time": self._by_time,
            "group": self._by_group,
            "random": self._by_chance,
        }
        keep, held = rules[self.by](samples, index, fraction)
        return np.sort(keep), np.sort(held)

    def _by_time(
        self, samples: Samples, index: Index, fraction: float
    ) -> tuple[Index, Index]:
        order = index[np.argsort(time_of(samples)[index], kind="stable")]
        n_held = min(_n_held(len(index), fraction), len(index) - 1)
        keep = purged(samples, order[:-n_held], order[-n_held:])
        if not len(keep):
            raise DataError(NOTHING_KEPT.format(by=self.by))
        return keep, order[-n_held:]

    def _by_group(
        self, samples: Samples, index: Index, fraction: float
    ) -> tuple[Index, Index]:
        codes, names = pd.factorize(self._groups(samples)[index])
        if len(names) < 2:
            raise DataError(
                f"`split` by group must have at least two groups to divide; got {list(names)}."
            )
        chosen = choose_groups(
            codes, samples.y.iloc[index], fraction, self.random_state
        )
        held = np.isin(codes, chosen)
        return index[~held], index[held]

    def _by_chance(
        self, samples: Samples, index: Index, fraction: float
    ) -> tuple[Index, Index]:
        n_held = min(_n_held(len(index), fraction), len(index) - 1)
        classes, note = strata(
            samples.y.iloc[index], at_least=2, n_parts=min(n_held, len(index) - n_held)
        )
        if note:
            logger.info(note)
        keep, held = train_test_split(
            index, test_size=n_held, stratify=classes, random_state=self.random_state
        )
        return keep, held

    def _test_folds(self, samples: Samples) -> Iterator[Index]:
        """Yield the test part of every fold."""
        everything = np.arange(len(samples))
        if self.by == "group":
            n_units = len(pd.unique(self._groups(samples)))
        else:
            n_units = len(samples)
        if n_units < self.n_folds and self.by != "column":
            most = f"{n_units} {'groups' if self.by == 'group' else 'samples'}"
            raise ParameterError(
                f"`split.n_folds` must be at most as many as there are, {most}; got {self.n_folds}."
            )
        if self.by == "time":
            order = np.argsort(time_of(samples), kind="stable")
            yield from (np.sort(block) for block in np.array_split(order, self.n_folds))
        elif self.by == "group":
            groups = pd.factorize(self._groups(samples), sort=True)[0]
            yield from (
                test
                for _, test in GroupKFold(self.n_folds).split(everything, groups=groups)
            )
        elif self.by == "random":
            yield from self._random_folds(samples)
        else:
            values = pd.Series(self._extra(samples))
            yield from (
                np.flatnonzero(values == value) for value in _fold_values(values)
            )

    def _random_folds(self, samples: Samples) -> Iterator[Index]:
        classes, note = strata(samples.y, at_least=self.n_folds, n_parts=len(samples))
        if note:
            logger.info(note)
        if classes is None:
            folds: Callable[..., KFold | StratifiedKFold] = KFold
        else:
            folds = StratifiedKFold
        splitter = folds(self.n_folds, shuffle=True, random_state=self.random_state)
        yield from (
            test for _, test in splitter.split(np.arange(len(samples)), classes)
        )

    def _groups(self, samples: Samples) -> np.ndarray:
        if self.column is None:
            return samples.series
        return self._extra(samples)

    def _extra(self, samples: Samples) -> np.ndarray:
        if samples.extra is None:
            names = []
        else:
            names = list(samples.extra.columns)
        if self.column is None:
            raise ParameterError('`split.column` must be given with by="column".')
        if self.column not in names:
            raise DataError(
                f"`split.column` must be an extra column of the samples; got {self.column!r}, and they have {names}."
                f"{suggest(self.column, names)} Keep it with read_table(..., extra=[{self.column!r}])."
            )
        values: np.ndarray = samples.extra[self.column].to_numpy()  # type: ignore[index]
        return values

    def _check_sides(self, samples: Samples, sides: dict[str, Index]) -> None:
        """Raise if the training part is empty, or a task has no label on a side."""
        if not len(next(iter(sides.values()))):
            raise DataError(NOTHING_KEPT.format(by=self.by))
        problems = []
        for side, index in sides.items():
            if len(index):
                for task in samples.y.columns:
                    if samples.y[task].iloc[index].isna().all():
                        problems.append(
                            f"`split` by {self.by} must leave labels of every task on every side; got none of {task!r} in {side}."
                        )
        if problems:
            raise DataError("\n".join([*problems, REMEDIES[self.by]]))


def _n_held(n_samples: int, fraction: float) -> int:
    return max(1, math.ceil(n_samples * fraction - 1e-9))


def _sides(values: np.ndarray) -> tuple[Index, Index, Index]:
    """Return train, validation and test as a column of words says."""
    words = (
        pd.Series(values)
        .astype("object")
        .map(lambda word: SIDES.get(str(word).strip().lower()))
    )
    if unused := int(words.isna().sum()):
        other = sorted({str(value) for value in values[words.isna()]})[:5]
        logger.info(f"{unused} samples are in no part of the split: {other}.")
    train, validation, test = (
        np.flatnonzero(words == side) for side in ("train", "validation", "test")
    )
    if not len(train) or not len(test):
        found = sorted(set(map(str, values)))[:5]
        raise DataError(
            f'`split.column` must hold "train", "test" and perhaps "validation"; got {found}.'
        )
    return train, validation, test


def _fold_values(values: pd.Series) -> list[object]:
    found = list(values.dropna().unique())
    if len(found) < 2 or {str(value).lower() for value in found} & set(SIDES):
        raise DataError(f"`split.column` must number the folds; got {found[:5]}.")
    return found
