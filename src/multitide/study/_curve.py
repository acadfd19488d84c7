"""How the gain of sharing depends on the share of labels, and the folder it is stored in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, TypedDict

import pandas as pd
from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt

from multitide._checks import as_path, listed
from multitide._claim_folder import claim_folders
from multitide._folder_kinds import CURVE_FORMAT
from multitide._notebook import note, panel, table
from multitide._result_folder import read_record, validated, writable, write_file
from multitide.data._write_table import write_table
from multitide.study._comparison import Comparison
from multitide.study.design._hidden_labels import Unit
from multitide.study.results._tables import (
    aligned,
    curve_table,
    gain_title,
    share_in_words,
)

CURVE, RESULTS, SCHEMA = "curve.json", "results.parquet", 2
VERDICTS = {
    "helps": "helps",
    "hurts": "hurts",
    "same": "makes no difference to",
    "failed": "failed on",
}
BASELINE_VERDICTS = VERDICTS | {"helps": "is better on", "hurts": "is worse on"}


class CurveFacts(TypedDict):
    """How labels were hidden."""

    unit: Unit
    together: bool
    random_state: int
    draws: int


class _FactsRecord(BaseModel):
    unit: Unit
    together: bool
    random_state: NonNegativeInt
    draws: PositiveInt


class _CurveRecord(BaseModel):
    """What ``curve.json`` must contain."""

    shares: list[Annotated[float, Field(gt=0, le=1)]] = Field(min_length=1)
    facts: _FactsRecord


@dataclass(frozen=True, repr=False)
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
            shares = {}
            for verdict, of_verdict in rows.groupby("verdict", sort=False):
                shares[str(verdict)] = listed(
                    list(map(share_in_words, of_verdict["share"]))
                )
            words = VERDICTS
            if "baseline" in self._first.settings[str(arm)]["settings"]:
                words = BASELINE_VERDICTS
            sentences.append(_sentence(str(arm), str(task), shares, words))
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

    def __repr__(self) -> str:
        """Return the shares; ``print`` shows the gains."""
        shares = ", ".join(f"{share:g}" for share in self.comparisons)
        return f"<LabelCurve: studies with {shares} of the labels>"

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
        folder = as_path("folder", folder)
        claim_curve(folder, self.shares)
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
        path = as_path("folder", folder) / CURVE
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


def folder_of(folder: Path, share: float) -> Path:
    """Return the folder of the study of a share."""
    return folder / f"labels-{share:g}"


def claim_curve(folder: Path, shares: Sequence[float]) -> None:
    """Make the folder of a curve and those of its studies, or take them up again."""
    names = [folder_of(Path(), share).name for share in shares]
    claim_folders(folder, CURVE_FORMAT, names)


def _sentence(
    arm: str, task: str, shares: Mapping[str, str], verdicts: Mapping[str, str]
) -> str:
    """Say at which shares of the labels, given by verdict, an arm helps a task, hurts it, ..."""
    unclear = shares.get("cannot tell")
    if list(shares) == ["cannot tell"]:
        helps = f"“{arm}” {verdicts['helps']} {task}"
        return f"The study cannot tell whether {helps} with {unclear} of the labels."
    parts = []
    for verdict, words in verdicts.items():
        if verdict in shares:
            parts.append(f"{words} {task} with {shares[verdict]} of the labels")
    sentence = f"“{arm}” {listed(parts)}"
    if unclear:
        sentence += f"; with {unclear} the study cannot tell"
    return f"{sentence}."
