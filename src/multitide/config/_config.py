"""A configuration as an object: its data sets, tasks and arguments."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from multitide._estimator import MultiTaskEstimator
from multitide._toml import toml_text
from multitide.config._data_section import DataTable
from multitide.config._plain_config import plain_config
from multitide.data._samples import Samples
from multitide.data._splits import Splitter
from multitide.errors import ParameterError
from multitide.fitting._data_sets import PLAIN
from multitide.tasks import Task


@dataclass(frozen=True)
class Config:
    """A run, as a configuration file says it.

    Attributes
    ----------
    data : dict
        Arguments of :func:`multitide.read_table`, but for ``path``, which is its first one.
    split : dict
        Parameters of :class:`multitide.Splitter`; without ``by``, the rule that fits the samples.
    tasks : list of str or Task, or None
        The tasks; None: every label column.
    compare : dict
        Arguments of :func:`multitide.compare`, and ``label_shares``, the shares of
        :func:`multitide.label_curve`.
    tune : dict
        Arguments of :func:`multitide.tune`.
    estimator : dict
        Parameters of :class:`multitide.MultiTaskEstimator`.
    table : dict
        All of it as plain values with absolute paths, as `to_toml` writes it.
    several : dict of str to DataTable
        The data sets of a file with ``[[data]]``; then `data` is empty.
    """

    data: dict[str, Any]
    split: dict[str, Any] = field(default_factory=dict)
    tasks: list[str | Task] | None = None
    compare: dict[str, Any] = field(default_factory=dict)
    tune: dict[str, Any] = field(default_factory=dict)
    estimator: dict[str, Any] = field(default_factory=dict)
    table: dict[str, Any] = field(default_factory=dict)
    several: dict[str, DataTable] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, DataTable]:
        """The data sets by name; "" is the only one, of a file with one ``[data]``."""
        return self.several or {PLAIN: DataTable(self.data, self.split, self.tasks)}

    def read(self) -> Samples:
        """Read the data, of a file with one ``[data]``."""
        return self._only.read()

    def splitter(self, samples: Samples) -> Splitter:
        """Return the rule that cuts these samples."""
        return self._only.splitter(samples)

    @property
    def _only(self) -> DataTable:
        if self.several:
            raise ParameterError(
                f"`data` must be one table here; got {len(self.several)}, {', '.join(self.several)}. "
                "What knows of several is fit, check, compare, evaluate, predict and info."
            )
        return self.tables[PLAIN]

    def make_estimator(self, **changes: Any) -> MultiTaskEstimator:
        """Return the estimator, not fitted; `changes` go before the file's parameters."""
        return MultiTaskEstimator(**{"tasks": self.tasks, **self.estimator, **changes})

    def changed(self, **params: Any) -> Config:
        """Return a copy with other parameters of the estimator, plain values."""
        return replace(self, estimator={**self.estimator, **params}, table={**self.table, **params})

    def to_toml(self) -> str:
        """Write everything as TOML; :func:`load_config` reads it back, from any folder."""
        return toml_text(plain_config(self.table))
