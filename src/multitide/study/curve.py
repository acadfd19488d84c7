"""The gain of sharing as a curve over the share of labels: one study a share, on the same test rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from multitide.errors import StoreError
from multitide.markup import note, panel, table
from multitide.study.archive import write_table
from multitide.study.comparison import Comparison
from multitide.study.record import write_atomically
from multitide.study.text import aligned, gain_title, interval_in_words, listed, verdict_in_words

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
        ``unit`` that labels were hidden by, whether ``together`` for all tasks, the ``random_state`` of the first draw,
        and how many ``draws`` there are, one a seed; of older curves it is missing: all seeds saw the first one.
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

        Gains are in units of the trivial loss of their own share: of the best constant that so few labels give.
        """
        return pd.concat([_with_share(c.gains, share, c) for share, c in self.comparisons.items()], ignore_index=True)

    @cached_property
    def mean_gains(self) -> pd.DataFrame:
        """One row a share and arm that answers all tasks: ``share``, and as ``Comparison.mean_gains``."""
        tables = [c.mean_gains.assign(share=share) for share, c in self.comparisons.items()]
        table = pd.concat(tables, ignore_index=True)
        return table[["share", *table.columns.drop("share")]]

    def sentences(self) -> list[str]:
        """Say for each task and arm with what share of the labels it helps, hurts, ..."""
        return [
            f"“{arm}”, {task}: {_told(rows)}." for (task, arm), rows in self.gains.groupby(["task", "arm"], sort=False)
        ]

    def table(self) -> pd.DataFrame:
        """Return the gains in words: one row a task, arm and share."""
        margin = next(iter(self.comparisons.values())).margin
        rows = self.gains.sort_values("share", kind="stable").sort_values(["task", "arm"], kind="stable", key=_order)
        return pd.DataFrame(
            [
                {
                    "task": str(row["task"]),
                    "arm": str(row["arm"]),
                    "labels": f"{row['share'] * 100:g} %",
                    "in training": f"{row['n_train']:,.0f}",
                    "gain": f"{row['gain']:+.4f}",
                    "interval": interval_in_words(row["low"], row["high"]),
                    "verdict": verdict_in_words(row["verdict"], margin),
                    "seeds": str(row["n_seeds"]),
                }
                for row in rows.to_dict("records")
            ]
        )

    def __str__(self) -> str:
        first = next(iter(self.comparisons.values()))
        title = f"By the share of labels: {gain_title(first.reference, first.confidence)}:"
        return f"{title}\n\n{aligned(self.table())}"

    def _repr_html_(self) -> str:
        """Return what notebooks show: the gains by the share of labels."""
        first = next(iter(self.comparisons.values()))
        title = f"By the share of labels: {gain_title(first.reference, first.confidence)}"
        return panel(title, table(self.table().to_dict("records")), *(note(line) for line in self.sentences()))

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
        content = {"format": FORMAT, "schema_version": 1, "shares": self.shares, "facts": dict(self.facts)}
        try:
            write_table(self.gains, folder / RESULTS)
            write_atomically(folder / CURVE, json.dumps(content, indent=1, ensure_ascii=False))
        except OSError as error:
            raise StoreError(f"`folder` must be a place that can be written; got {str(folder)!r} ({error}).") from error
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> LabelCurve:
        """Read a curve; its gains are computed anew from its runs.

        Raises
        ------
        StoreError
            If the folder holds no curve, or one that is damaged or was written by a newer multitide.
        """
        path = Path(folder) / CURVE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT or content["schema_version"] != 1:
                raise ValueError(f"its format is {content['format']!r}, {content['schema_version']!r}")
            shares, facts = [float(share) for share in content["shares"]], content["facts"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"`folder` must be a label curve with {CURVE!r}; got {str(folder)!r} ({error})."
            ) from error
        return cls({share: Comparison.load(folder_of(Path(folder), share)) for share in shares}, facts)


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


def _order(names: pd.Series) -> pd.Series:
    """Return the number of each name, in the order in which they first come."""
    return pd.Series(pd.factorize(names)[0], index=names.index)
