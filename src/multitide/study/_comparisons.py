"""The results of the same arms on several data sets: losses, ranks, tests, and their folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BaseModel, Field, StringConstraints

from multitide._checks import as_path
from multitide._claim_folder import claim_folders
from multitide._folder_kinds import STUDIES_FORMAT
from multitide._result_folder import read_record, validated, writable, write_file
from multitide.data._write_table import write_table
from multitide.errors import ParameterError
from multitide.study._comparison import Comparison
from multitide.study.results._ranks import (
    MIN_DATA,
    RankTest,
    p_in_words,
    pair_tests,
    rank_test,
)
from multitide.study.results._tables import (
    MEAN_LOSS_TITLE,
    aligned,
    loss_table_by_data_set,
    standing_table,
)

FOLDER_NAME = r"^\w[\w .+-]*$"
CONTENT, RESULTS = "studies.json", "results.parquet"
SCHEMA = 2
FolderName = Annotated[str, StringConstraints(pattern=FOLDER_NAME, max_length=255)]


class _StudiesRecord(BaseModel):
    """What ``studies.json`` must contain."""

    data: list[FolderName] = Field(min_length=1)
    confidence: Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, repr=False)
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
        """The arm that all others are compared with."""
        return self.arms[0]

    @cached_property
    def losses(self) -> pd.DataFrame:
        """The test loss in units of the trivial loss, mean over seeds.

        One row per data set and task, one column per arm.
        """
        tables = {}
        for name, study in self.studies.items():
            of_loss = study.figures[study.figures["metric"] == "loss"]
            table = of_loss.pivot(index="task", columns="arm", values="mean")
            tasks = []
            for question in study.questions:
                tasks.append(question.name)
            tables[name] = table.reindex(index=tasks, columns=self.arms)
        return pd.concat(tables, names=["data", "task"]).rename_axis(columns="arm")

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """The rank of every arm on each data set and task that all arms have; 1 is the least loss.

        Ties share their mean rank.
        """
        return self.losses.dropna().rank(axis=1)

    @cached_property
    def data_losses(self) -> pd.DataFrame:
        """The mean loss over tasks: one row per data set whose tasks all arms have."""
        is_complete = (
            self.losses.notna().all(axis=1).groupby(level="data", sort=False).all()
        )
        return self.losses.groupby(level="data", sort=False).mean()[is_complete]

    @cached_property
    def standing(self) -> pd.DataFrame:
        """One row per arm, best first.

        ``mean_rank`` over data sets and tasks, ``mean_rank_data`` over data sets (by mean loss over
        tasks, which is what is tested), ``mean_loss`` over data sets, ``first`` (number of tasks
        with the least loss), and the numbers of verdicts ``helps``, ``hurts``, ``same`` and
        ``cannot_tell``.
        """
        table = pd.DataFrame(
            {
                "mean_rank": self.ranks.mean(),
                "mean_rank_data": self.data_losses.rank(axis=1).mean(),
                "mean_loss": self.data_losses.mean(),
                "first": (self.ranks == 1).sum(),
            }
        )
        counts = self.gains.groupby(["arm", "verdict"]).size().unstack(fill_value=0)
        verdicts = ["helps", "hurts", "same", "cannot tell"]
        counts = counts.reindex(index=self.arms, columns=verdicts, fill_value=0)
        table = table.join(counts.rename(columns={"cannot tell": "cannot_tell"}))
        return (
            table.sort_values("mean_rank", kind="stable")
            .rename_axis("arm")
            .reset_index()
        )

    @cached_property
    def gains(self) -> pd.DataFrame:
        """The gains of all studies: ``data``, and the columns of ``Comparison.gains``."""
        tables = []
        for name, study in self.studies.items():
            tables.append(study.gains.assign(data=name))
        table = pd.concat(tables, ignore_index=True)
        return table[["data", *table.columns.drop("data")]]

    @cached_property
    def test(self) -> RankTest:
        """Test whether the ranks of the arms differ over data sets, which are independent."""
        return rank_test(self.data_losses, self.confidence)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Tests of every two arms over data sets.

        See :func:`multitide.study.results._ranks.pair_tests`.
        """
        return pair_tests(self.data_losses)

    def results(self) -> pd.DataFrame:
        """Return one row per data set, task and arm: loss, rank, and gain over the reference."""
        table = self.losses.stack().rename("loss").to_frame()
        table["rank"] = self.ranks.stack().reindex(table.index)
        gains = self.gains[
            ["data", "task", "arm", "gain", "low", "high", "p_adjusted", "verdict"]
        ]
        return table.reset_index().merge(gains, how="left", on=["data", "task", "arm"])

    def in_words(self) -> str:
        """Return what holds over all data sets."""
        if self.ranks.empty:
            return "There are no ranks, because no task has results of all arms."
        n_data = len(self.data_losses)
        parts = [self._winner()]
        if n_data < MIN_DATA:
            parts.append(
                f"A test needs at least {MIN_DATA} "
                f"data sets and has {n_data}: "
                "the ranks describe these data sets only."
            )
        else:
            parts += self._tests(n_data)
        return " ".join(parts)

    def _winner(self) -> str:
        best = self.standing.iloc[0]
        return (
            f"“{best['arm']}” has the best mean rank, "
            f"{best['mean_rank']:.2f} of {len(self.arms)} "
            f"arms, over {len(self.ranks)} tasks of "
            f"{len(self.studies)} data sets."
        )

    def _tests(self, n_data: int) -> list[str]:
        alpha = 1 - self.confidence
        parts = []
        if self.test.is_conclusive:
            if self.test.p < alpha:
                differ = "differ"
            else:
                differ = "do not differ significantly"
            parts.append(
                f"Over data sets the arms {differ} (Friedman with "
                f"Iman and Davenport, {p_in_words(self.test.p)})."
            )
        clear = self.pairs[self.pairs["p_holm"] < alpha]
        for row in clear.to_dict("records"):
            better, worse = row["arm"], row["other"]
            if row["difference"] <= 0:
                better, worse = worse, better
            parts.append(
                f"“{better}” has less loss than “{worse}” "
                f"(signed ranks, {p_in_words(row['p_holm'])} after Holm)."
            )
        if clear.empty:
            parts.append(
                f"No two arms differ by their signed ranks over {n_data} data sets."
            )
            least = 2.0 ** (1 - n_data) * len(self.pairs)
            if least >= alpha:
                parts.append(
                    "With so few data sets no two can: "
                    f"the smallest possible p is {min(least, 1):.3g}."
                )
        return parts

    def __repr__(self) -> str:
        """Return the names of the data sets; ``print`` shows losses and ranks."""
        return f"<Comparisons: data sets {', '.join(self.studies)}>"

    def __str__(self) -> str:
        losses = aligned(loss_table_by_data_set(self.losses))
        standing = aligned(standing_table(self.standing))
        return f"{MEAN_LOSS_TITLE}:\n\n{losses}\n\n{standing}\n\n{self.in_words()}"

    # -- keeping -----------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> Path:
        """Write each study into a folder of its name, and ``results.parquet`` next to them.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        ParameterError
            If a name cannot be that of a folder.
        """
        folder = as_path("folder", folder)
        for name in self.studies:
            if not re.fullmatch(FOLDER_NAME, name):
                raise ParameterError(
                    f"`studies` must have names that can be folders; got {name!r}."
                )
        claim_folders(folder, STUDIES_FORMAT, self.studies)
        for name, study in self.studies.items():
            study.save(folder / name)
        content = {
            "format": STUDIES_FORMAT,
            "schema_version": SCHEMA,
            "data": list(self.studies),
            "confidence": self.confidence,
        }
        with writable(folder):
            write_table(self.results(), folder / RESULTS)
            write_file(
                folder / CONTENT, json.dumps(content, indent=1, ensure_ascii=False)
            )
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Comparisons:
        """Read what :meth:`save` wrote; everything is computed again from the runs.

        Raises
        ------
        StoreError
            If the folder has no studies, or they are damaged or of another schema version.
        """
        folder = as_path("folder", folder)
        path = folder / CONTENT
        content = read_record(
            path,
            STUDIES_FORMAT,
            {SCHEMA},
            "Run `multitide compare` again.",
            "folder of several studies",
        )
        record = validated(content, _StudiesRecord, path)
        studies = {}
        for name in record.data:
            studies[name] = Comparison.load(folder / name)
        return cls(studies, record.confidence)
