"""The same arms compared on several data sets, one study after the other."""

from __future__ import annotations

import inspect
import json
import logging
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from multitide._checks import check_fraction, gathering, raise_problems, suggest
from multitide._estimator import MultiTaskEstimator
from multitide._result_folder import write_file
from multitide.data._samples import Samples
from multitide.errors import ParameterError, StoreError
from multitide.study._archive import write_table
from multitide.study._compare import compare
from multitide.study._comparison import Comparison
from multitide.study.design._arms import ALONE
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.results._ranks import MIN_DATA, RankTest, pair_tests, rank_test
from multitide.study.results._tables import (
    MEAN_LOSS_TITLE,
    aligned,
    loss_table_by_data_set,
    standing_table,
)
from multitide.study.runs._timing import parse_budget
from multitide.tasks import resolve_tasks

logger = logging.getLogger("multitide")

OF_ALL = ("folder", "budget", "verbose")  # arguments that are said once, for all data sets


def compare_many(
    data: Mapping[str, Comparison | Mapping[str, Any]],
    *,
    confidence: float = 0.95,
    budget: str | float | None = None,
    folder: str | Path | None = None,
    verbose: int = 1,
) -> Comparisons:
    """Compare the same arms on several data sets, and rank them over all.

    Parameters
    ----------
    data : dict of str to dict or Comparison
        By name of the data set, which is also that of its folder: the arguments of
        :func:`multitide.compare` (``{"samples": samples, "arms": [...], "n_seeds": 5}``), or a
        study that was made before. All must have arms of the same names, with the same reference.
    confidence : float, default=0.95
        Of the tests over data sets; a study's intervals have their own.
    budget : str or number, optional
        Time for all studies; each gets an equal share of what is left, and leaves out seeds until
        it fits.
    folder : path, optional
        Where studies are kept, each in a folder of its name. Runs found there are not repeated.
    verbose : int, default=1
        0: silent; 1: a progress bar a study on a terminal.

    Returns
    -------
    Comparisons
        Print it, or read its ``losses``, ``standing``, ``test``, ``pairs`` and ``studies``.

    Raises
    ------
    ParameterError
        With what is wrong with all arguments, before anything is trained.
    DataError
        With what is wrong with samples or splits.
    StoreError
        If `folder` cannot be written.
    """
    check_fraction("confidence", confidence)
    deadline = time.perf_counter() + parse_budget(budget)
    _check(data)
    studies: dict[str, Comparison] = {}
    for number, (name, given) in enumerate(data.items()):
        if isinstance(given, Comparison):
            studies[name] = given
            continue
        logger.info("Data set %d of %d: %s.", number + 1, len(data), name)
        n_left = sum(not isinstance(other, Comparison) for other in list(data.values())[number:])
        share = max((deadline - time.perf_counter()) / n_left, 1.0)
        place = None if folder is None else Path(folder) / name
        limit = share if math.isfinite(share) else None
        studies[name] = compare(**given, budget=limit, folder=place, verbose=verbose)
    comparisons = Comparisons(studies, confidence)
    if folder is not None:
        comparisons.save(folder)
    return comparisons


def _check(data: Mapping[str, Comparison | Mapping[str, Any]]) -> None:
    """Raise with everything that can be known to be wrong before the first study."""
    if not isinstance(data, Mapping) or len(data) < 2:
        raise ParameterError(f"`data` must be a dict of two data sets or more; got {_shown(data)}.")
    problems: list[str] = []
    arms: dict[str, list[str]] = {}
    for name, given in data.items():
        if not isinstance(name, str) or not re.fullmatch(r"[\w][\w .+-]*", name):
            problems.append(f"`data` must have names that can be folders; got {name!r}.")
        with gathering(problems):
            arms[name] = given.arms if isinstance(given, Comparison) else _arms(name, given)
    first, *others = arms.items() if arms else [("", [])]
    problems += [
        f"`data` must have the same arms everywhere, the reference first; {first[0]!r} has {first[1]}, "
        f"{name!r} has {names}."
        for name, names in others
        if names[0] != first[1][0] or set(names) != set(first[1])
    ]
    raise_problems(problems)


def _arms(name: str, given: Any) -> list[str]:
    """Return the names of the arms that a study will have."""
    where = f"`data[{name!r}]`"
    if not isinstance(given, Mapping) or not isinstance(given.get("samples"), Samples):
        wanted = "a Comparison or arguments of compare with the `samples` of one data set"
        raise ParameterError(f"{where} must be {wanted}; got {_shown(given)}.")
    known = [
        argument for argument in inspect.signature(compare).parameters if argument not in OF_ALL
    ]
    raise_problems(
        [
            f"{where} has no argument {key!r}.{_home(key, known)}"
            for key in given
            if key not in known
        ]
    )
    estimator = given.get("estimator") or MultiTaskEstimator()
    tasks = given.get("tasks")
    try:
        specs = resolve_tasks(estimator.tasks if tasks is None else tasks, given["samples"].y)
        names = [task.name for task in specs]
        made = resolve_arms(
            given.get("arms", (ALONE, "hard")), estimator, names, given.get("reference", ALONE)
        )
    except ParameterError as error:
        raise ParameterError(
            "\n".join(f"{where}: {line}" for line in str(error).splitlines())
        ) from error
    return [arm.name for arm in made]


def _home(key: str, known: list[str]) -> str:
    return f" Give `{key}` to compare_many, once for all." if key in OF_ALL else suggest(key, known)


def _shown(value: Any) -> str:
    return repr(list(value)) if isinstance(value, Mapping) else type(value).__name__


SCHEMA, FORMAT = 1, "multitide studies"


CONTENT, RESULTS = "studies.json", "results.parquet"


@dataclass(frozen=True)
class Comparisons:
    """The same arms on several data sets; made by :func:`multitide.compare_many`.

    Attributes
    ----------
    studies : dict of str to Comparison
        By name of the data set.
    confidence : float
        Of the tests over data sets.
    """

    studies: Mapping[str, Comparison]
    confidence: float = 0.95

    @property
    def arms(self) -> list[str]:
        """Names of the arms, the reference first."""
        return next(iter(self.studies.values())).arms

    @property
    def reference(self) -> str:
        """The arm that gains are measured against."""
        return self.arms[0]

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Test loss in units of the trivial loss, mean over seeds: one row a data set and task, one column an arm."""
        tables = {}
        for name, study in self.studies.items():
            found = study.figures[study.figures["metric"] == "loss"]
            table = found.pivot(index="task", columns="arm", values="mean")
            tables[name] = table.reindex(
                index=[asked.name for asked in study.questions], columns=self.arms
            )
        return pd.concat(tables, names=["data", "task"]).rename_axis(columns="arm")

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """Rank of every arm (1 = least loss, ties share) on each data set and task that all arms answer."""
        return self.losses.dropna().rank(axis=1)

    @cached_property
    def data_losses(self) -> pd.DataFrame:
        """Mean loss over the tasks: one row a data set whose tasks all arms answer, one column an arm."""
        complete = self.losses.groupby(level="data", sort=False).mean()
        return complete[self.losses.notna().all(axis=1).groupby(level="data", sort=False).all()]

    @cached_property
    def standing(self) -> pd.DataFrame:
        """One row an arm, best first.

        ``mean_rank`` over data sets and tasks, ``mean_rank_data`` over data sets (by mean loss over
        tasks; what is tested), ``mean_loss`` over data sets, ``first`` (number of tasks on which it
        has the least loss), and of the tasks' verdicts against the reference how many are
        ``helps``, ``hurts``, ``same``, ``cannot_tell``.
        """
        verdicts = self.gains.groupby(["arm", "verdict"]).size().unstack(fill_value=0)
        verdicts = verdicts.reindex(
            index=self.arms, columns=["helps", "hurts", "same", "cannot tell"], fill_value=0
        )
        table = pd.DataFrame(
            {
                "mean_rank": self.ranks.mean(),
                "mean_rank_data": self.data_losses.rank(axis=1).mean(),
                "mean_loss": self.data_losses.mean(),
                "first": (self.ranks == 1).sum(),
            }
        ).join(verdicts.rename(columns={"cannot tell": "cannot_tell"}))
        return table.sort_values("mean_rank", kind="stable").rename_axis("arm").reset_index()

    @cached_property
    def gains(self) -> pd.DataFrame:
        """The gains of all studies, one below the other: ``data``, and the columns of ``comparison.gains``."""
        tables = [study.gains.assign(data=name) for name, study in self.studies.items()]
        table = pd.concat(tables, ignore_index=True)
        return table[["data", *(column for column in table if column != "data")]]

    @cached_property
    def test(self) -> RankTest:
        """Whether the arms' ranks differ over data sets, which are what is independent; tasks of one are not."""
        return rank_test(self.data_losses, self.confidence)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Every two arms over data sets: see :func:`multitide.study.results._ranks.pair_tests`."""
        return pair_tests(self.data_losses)

    def results(self) -> pd.DataFrame:
        """Return one row a data set, task and arm: ``loss``, ``rank``, and the gain over the reference."""
        long = self.losses.stack().rename("loss").to_frame()
        long["rank"] = self.ranks.stack().reindex(long.index)
        gains = self.gains[["data", "task", "arm", "gain", "low", "high", "p_holm", "verdict"]]
        return long.reset_index().merge(gains, how="left", on=["data", "task", "arm"])

    def in_words(self) -> str:
        """Say what can be said over all data sets."""
        best, n_data = self.standing.iloc[0], len(self.data_losses)
        if self.ranks.empty:
            return "No task is answered by all arms, so that there are no ranks."
        ranks = f"mean rank {best['mean_rank']:.2f} of {len(self.arms)} arms"
        said = f"“{best['arm']}” stands first ({ranks}, over {len(self.ranks)} tasks of {len(self.studies)} data sets)."
        if n_data < MIN_DATA:
            few = f"{n_data} data set{'s are' if n_data != 1 else ' is'} too few for a test"
            return f"{said} {few}: the ranks describe these and tell nothing about others; {MIN_DATA} or more would."
        parts = [said]
        if self.test.is_conclusive:
            differ = "differ" if self.test.p < 1 - self.confidence else "cannot be told apart"
            parts.append(
                f"Over data sets the arms {differ} (Friedman with Iman and Davenport, p = {self.test.p:.3g})."
            )
        clear = self.pairs[self.pairs["p_holm"] < 1 - self.confidence]
        for row in clear.to_dict("records"):
            arm, other = (
                (row["arm"], row["other"]) if row["difference"] > 0 else (row["other"], row["arm"])
            )
            parts.append(
                f"“{arm}” has less loss than “{other}” (signed ranks, p = {row['p_holm']:.3g} after Holm)."
            )
        if clear.empty:
            parts.append(
                f"No two arms differ by their signed ranks over {n_data} data sets.{self._least_p(n_data)}"
            )
        return " ".join(parts)

    def _least_p(self, n_data: int) -> str:
        least = 2.0 ** (1 - n_data) * len(self.pairs)
        if least < 1 - self.confidence:
            return ""
        return f" With so few none could: the least p that they allow is {min(least, 1):.3g}."

    def __str__(self) -> str:
        losses = aligned(loss_table_by_data_set(self.losses))
        standing = aligned(standing_table(self.standing))
        return f"{MEAN_LOSS_TITLE}:\n\n{losses}\n\n{standing}\n\n{self.in_words()}"

    # -- keeping -----------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> Path:
        """Write each study into a folder of its name, and ``results.parquet`` beside them.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, study in self.studies.items():
                study.save(folder / name)
            write_table(self.results(), folder / RESULTS)
            content = {"format": FORMAT, "schema_version": SCHEMA, "data": [*self.studies]}
            content["confidence"] = self.confidence
            write_file(folder / CONTENT, json.dumps(content, indent=1, ensure_ascii=False))
        except OSError as error:
            raise StoreError(
                f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
            ) from error
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Comparisons:
        """Read what :meth:`save` wrote; everything is computed anew from the runs.

        Raises
        ------
        StoreError
            If the folder holds no studies, or a study is missing or damaged.
        """
        folder = Path(folder)
        try:
            content = json.loads((folder / CONTENT).read_text(encoding="utf-8"))
            if content["format"] != FORMAT or content["schema_version"] != SCHEMA:
                raise ValueError(
                    f"format {content['format']!r}, version {content['schema_version']!r}"
                )
            names, confidence = list(content["data"]), float(content["confidence"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            wanted = f"must hold several studies ({CONTENT})"
            raise StoreError(f"`folder` {wanted}; got {str(folder)!r} ({error}).") from error
        return cls({name: Comparison.load(folder / name) for name in names}, confidence)
