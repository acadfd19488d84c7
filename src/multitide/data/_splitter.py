"""Split samples without leaks: by time, group, chance or a column."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import BeforeValidator, Field

from multitide._checks import check_fraction, suggest
from multitide._part import Part
from multitide.data._calibration_labels import check_calibration_labels
from multitide.data._column_of_sets import folds_by_value, sets_by_word
from multitide.data._fold_pairs import as_samples, pairs_of
from multitide.data._purging import purged, time_of, warn_of_overlap
from multitide.data._rare_classes import (
    keep_every_class,
    say_what_training_lacks,
    single_and_others,
)
from multitide.data._samples import Samples
from multitide.data._split import Index, Split, nobody
from multitide.data._split_rule import FEW, NOTHING_KEPT, REMEDIES, Rule, check_rule
from multitide.data._strata import choose_groups, strata
from multitide.errors import DataError, ParameterError

logger = logging.getLogger("multitide")


@dataclass
class Splitter(Part):
    """Divide samples into training, validation, test and perhaps calibration set.

    Parameters
    ----------
    by : {"time", "group", "random", "column"}
        "time" holds out the last samples and purges: no training sample shares a time stamp (leads
        included) with a held-out one. "group" keeps a series, or all samples with one value of
        `column`, in one set. "random" draws, stratified by the class labels where they allow it.
        "column" reads train, validation, calibration and test from `column`.
    test : float
        Fraction of the samples to hold out.
    validation : float
        Fraction of the samples outside the test and the calibration set; 0 for no validation set.
    calibration : float
        Fraction of the samples outside the test set that is held out for calibrated probabilities
        and prediction intervals; 0 for no calibration set. By time it is the last block before the
        test set. Each task needs at least 10 labels in it.
    column : str, optional
        A column of ``samples.extra``: the sets for ``by="column"``, the groups for ``by="group"``.
    n_folds : int
        Number of folds of :meth:`folds`.
    random_state : int, optional
        Seed of the draws.
    """

    by: Annotated[Rule, BeforeValidator(check_rule)] = "time"
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.15
    calibration: Annotated[float, Field(ge=0, lt=1)] = 0.0
    column: str | None = None
    n_folds: Annotated[int, Field(ge=2)] = 5
    random_state: int | None = 0

    @overload
    def split(self, samples: Samples) -> Split: ...
    @overload
    def split(
        self, samples: Samples | ArrayLike, y: object, groups: object = None
    ) -> Iterator[tuple[Index, Index]]: ...
    def split(
        self,
        samples: Samples | ArrayLike,
        y: object = None,
        groups: object = None,
    ) -> Split | Iterator[tuple[Index, Index]]:
        """Return one split of samples; of arrays, the rows of each fold, as scikit-learn asks.

        ``cross_val_score(model, X, y, groups=groups, cv=Splitter(by="group"))`` gets `n_folds`.

        Raises
        ------
        DataError
            If there is nothing to split by, or a task has no label in one of the sets.
        """
        self.check("split")
        if not isinstance(samples, Samples) or y is not None or groups is not None:
            rule = replace(self, validation=0.0, calibration=0.0)
            return pairs_of(rule.folds(as_samples(samples, y, groups)))
        if self.by == "column":
            split = sets_by_word(self._extra(samples))
        else:
            keep, test = self._hold_out(samples, np.arange(len(samples)), self.test)
            split = Split(keep, nobody(), test)
        return self._finished(samples, split)

    def get_n_splits(
        self, X: object = None, y: object = None, groups: object = None
    ) -> int:
        """Return the number of folds, as scikit-learn asks for it."""
        return self.n_folds

    def folds(self, samples: Samples) -> list[Split]:
        """Return `n_folds` splits, each with another fold as its test set.

        Folds by time are blocks, purged on both sides; by group they are scikit-learn's
        ``GroupKFold``; by column each of its values is a fold. The validation and the calibration
        set are cut from the rest by the same rule.
        """
        self.check("split")
        splits = []
        for test in self._test_folds(samples):
            keep = np.setdiff1d(np.arange(len(samples)), test)
            if self.by == "time":
                keep = purged(samples, keep, test)
            splits.append(self._finished(samples, Split(keep, nobody(), test)))
        return splits

    def hold_out(
        self, samples: Samples, fraction: float, number: int = 0
    ) -> tuple[Index, Index]:
        """Cut the samples once by the rule.

        Parameters
        ----------
        samples : Samples
        fraction : float
            Fraction of the samples to hold out.
        number : int, default=0
            Each number holds out other samples: it draws with another seed, or, by time, takes an
            earlier block and keeps the samples on both sides of it. If a block has no labels of
            some task, the last samples are held out instead.

        Returns
        -------
        keep, held_out : ndarray of int64
        """
        self.check("split")
        check_fraction("fraction", fraction)
        rule = self._cut_rule(samples)
        everything = np.arange(len(samples))
        keep, held = rule._numbered(number)._hold_out(
            samples, everything, fraction, number
        )
        try:
            self._check_sets(samples, {"kept": keep, "held-out": held})
        except DataError:
            if number and rule.by == "time":
                return self.hold_out(samples, fraction)
            raise
        say_what_training_lacks(samples.y, keep, held)
        warn_of_overlap(samples, keep, held, self.by)
        return keep, held

    def hold_out_calibration(self, samples: Samples) -> tuple[Index, Index]:
        """Cut the calibration set from the samples; empty if the rule has none.

        Returns
        -------
        keep, calibration : ndarray of int64

        Raises
        ------
        DataError
            If a task has too few labels in the calibration set.
        """
        self.check("split")
        everything = np.arange(len(samples))
        keep, held = self._cut_rule(samples)._hold_out(
            samples, everything, self.calibration
        )
        check_calibration_labels(samples.y.iloc[held])
        return keep, held

    def with_unit(self, samples: Samples) -> Samples:
        """Return the samples with the groups that a split by `column` keeps whole."""
        if self.by != "group" or self.column is None:
            return samples
        return samples.replace(unit=self._extra(samples))

    def _finished(self, samples: Samples, split: Split) -> Split:
        """Cut the calibration and the validation set; refuse a split that cannot be used."""
        train, calibration = split.train, split.calibration
        if self.calibration and not len(calibration):
            train, calibration = self._cut_rule(samples, "calibration")._hold_out(
                samples, train, self.calibration
            )
        check_calibration_labels(samples.y.iloc[calibration])
        validation, test = split.validation, split.test
        if self.validation and not len(validation):
            train, validation = self._cut_rule(samples)._hold_out(
                samples, train, self.validation
            )
        split = Split(train, validation, test, calibration)
        self._check_sets(
            samples, {"train": train, "validation": validation, "test": test}
        )
        held_out = np.concatenate([validation, test, calibration])
        say_what_training_lacks(samples.y, train, held_out)
        warn_of_overlap(samples, train, held_out, self.by)
        warn_of_overlap(samples, validation, np.r_[test, calibration], self.by)
        if len(calibration):
            warn_of_overlap(samples, calibration, test, self.by)
        return split

    def _cut_rule(self, samples: Samples, cut: str = "validation") -> Splitter:
        """Return the rule of a single cut; for a column of sets, the safest one possible."""
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
            f"`{self.column}` names no {cut} set. "
            f"It is cut from the training set by {by}."
        )
        return Splitter(by=by, random_state=self.random_state)

    def _numbered(self, number: int) -> Splitter:
        """Return the rule with a seed of its own for each number."""
        if not number:
            return self
        seed = ((self.random_state or 0) + number) % 2**32  # what scikit-learn takes
        return replace(self, random_state=seed)

    def _hold_out(
        self, samples: Samples, index: Index, fraction: float, number: int = 0
    ) -> tuple[Index, Index]:
        """Cut the samples at `index` in two; both parts are sorted."""
        if not fraction:
            return index, index[:0]
        if len(index) < 2:
            raise DataError(
                "`split` must have at least two samples to divide; "
                f"got {len(index)}. {FEW}"
            )
        if self.by == "time":
            keep, held = self._by_time(samples, index, fraction, number)
        elif self.by == "group":
            keep, held = self._by_group(samples, index, fraction)
        else:
            keep, held = self._by_chance(samples, index, fraction)
        return np.sort(keep), np.sort(held)

    def _by_time(
        self, samples: Samples, index: Index, fraction: float, number: int
    ) -> tuple[Index, Index]:
        order = index[np.argsort(time_of(samples)[index], kind="stable")]
        n_held = min(_n_held(len(index), fraction), len(index) - 1)
        n_blocks = len(index) // n_held
        end = len(index) - number % n_blocks * n_held
        held = order[end - n_held : end]
        keep = purged(samples, np.setdiff1d(order, held), held)
        if not len(keep):
            raise DataError(NOTHING_KEPT.format(by=self.by))
        return keep, held

    def _by_group(
        self, samples: Samples, index: Index, fraction: float
    ) -> tuple[Index, Index]:
        codes, names = pd.factorize(self._groups(samples)[index])
        if len(names) < 2:
            raise DataError(
                "`split` by group must have at "
                "least two groups to divide; "
                f"got {names.tolist()}."
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
        single, drawn = single_and_others(samples.y, index, n_held + 1)
        classes, note = strata(
            samples.y.iloc[drawn], at_least=2, n_parts=min(n_held, len(drawn) - n_held)
        )
        if note:
            logger.info(note)
        from sklearn.model_selection import train_test_split

        keep, held = train_test_split(
            drawn, test_size=n_held, stratify=classes, random_state=self.random_state
        )
        return keep_every_class(samples.y, np.concatenate([single, keep]), held)

    def _test_folds(self, samples: Samples) -> Iterator[Index]:
        """Yield the test set of each fold."""
        if self.by == "column":
            return folds_by_value(self._extra(samples))
        if self.by == "group":
            groups = self._groups(samples)
            self._check_n_folds(len(pd.unique(groups)), "groups")
            return self._folds_by_group(groups)
        self._check_n_folds(len(samples), "samples")
        if self.by == "time":
            return self._folds_by_time(samples)
        return self._random_folds(samples)

    def _check_n_folds(self, n_units: int, units: str) -> None:
        if n_units < self.n_folds:
            raise ParameterError(
                "`split.n_folds` must be at most as "
                f"many as there are, {n_units} {units}; "
                f"got {self.n_folds}."
            )

    def _folds_by_time(self, samples: Samples) -> Iterator[Index]:
        order = np.argsort(time_of(samples), kind="stable")
        for block in np.array_split(order, self.n_folds):
            yield np.sort(block)

    def _folds_by_group(self, groups: np.ndarray) -> Iterator[Index]:
        from sklearn.model_selection import GroupKFold

        codes = pd.factorize(groups, sort=True)[0]
        for _, test in GroupKFold(self.n_folds).split(codes, groups=codes):
            yield test

    def _random_folds(self, samples: Samples) -> Iterator[Index]:
        from sklearn.model_selection import KFold, StratifiedKFold

        everything = np.arange(len(samples))
        _, drawn = single_and_others(samples.y, everything, self.n_folds)
        classes, note = strata(
            samples.y.iloc[drawn], at_least=self.n_folds, n_parts=len(drawn)
        )
        if note:
            logger.info(note)
        if classes is None:
            folds: Callable[..., KFold | StratifiedKFold] = KFold
        else:
            folds = StratifiedKFold
        splitter = folds(self.n_folds, shuffle=True, random_state=self.random_state)
        for _, test in splitter.split(drawn, classes):
            rest = np.setdiff1d(everything, drawn[test])
            yield np.sort(keep_every_class(samples.y, rest, drawn[test])[1])

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
                f"`split.column` must be an extra column of the samples; got {self.column!r}, "
                f"and they have {names}.{suggest(self.column, names)} "
                f"Keep it with extra = [{self.column!r}], in [data] or of read_table."
            )
        values: np.ndarray = samples.extra[self.column].to_numpy()  # type: ignore[index]
        return values

    def _check_sets(self, samples: Samples, sets: dict[str, Index]) -> None:
        """Raise if the training set is empty, or a task has no label in one of the sets."""
        if not len(next(iter(sets.values()))):
            raise DataError(NOTHING_KEPT.format(by=self.by))
        problems = []
        for name, index in sets.items():
            for task in _unlabelled(samples.y.iloc[index]):
                problems.append(
                    f"`split` by {self.by} must leave "
                    "labels of every task in every set; "
                    f"got none of {task!r} in {name}."
                )
        if problems:
            raise DataError("\n".join([*problems, REMEDIES[self.by]]))


def _unlabelled(y: pd.DataFrame) -> list[str]:
    """Return the tasks without any label in `y`; none if `y` has no rows."""
    if y.empty:
        return []
    return list(y.columns[y.isna().all()])


def _n_held(n_samples: int, fraction: float) -> int:
    return max(1, math.ceil(n_samples * fraction - 1e-9))
