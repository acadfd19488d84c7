"""A configuration as an object: its data sets, tasks and arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multitide._checks import gathering, suggest
from multitide._toml import toml_text
from multitide.config._absolute_paths import with_absolute_paths
from multitide.config._data_section import DataSection
from multitide.config._plain_config import plain_config
from multitide.config._schema_version import with_version
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.errors import DataError, ParameterError
from multitide.fitting._data_sets import naming_data_set
from multitide.fitting._parameters import with_defaults
from multitide.tasks import Task, task_names

if TYPE_CHECKING:
    from multitide._estimator import MultiTaskEstimator
    from multitide.ensemble._ensemble import Ensemble


@dataclass(frozen=True)
class Config:
    """The content of a configuration file.

    Attributes
    ----------
    data : list of DataSection
        The data sets: one for ``[data]``, several for ``[[data]]``.
    tasks : list of str or Task, or None
        The tasks; None: every label column.
    compare : dict
        Arguments of :func:`multitide.compare`, and ``label_shares``, the argument `shares` of
        :func:`multitide.label_curve`.
    tune : dict
        Arguments of :func:`multitide.tune`.
    estimator : dict
        Parameters of :class:`multitide.MultiTaskEstimator`.
    members : dict of str to dict, "best" or None
        Members of an ensemble by name, each with the parameters in which it differs from
        `estimator`; "best" for the default ones; None for a single model.
    ensemble : dict
        Arguments of :class:`multitide.Ensemble`: ``n_seeds``, ``budget``, ``engine`` and
        ``n_jobs``.
    table : dict
        The whole file as plain values with absolute paths, as `to_toml` writes it.
    """

    data: Sequence[DataSection]
    tasks: list[str | Task] | None = None
    compare: dict[str, Any] = field(default_factory=dict)
    tune: dict[str, Any] = field(default_factory=dict)
    estimator: dict[str, Any] = field(default_factory=dict)
    table: dict[str, Any] = field(default_factory=dict)
    members: dict[str, dict[str, Any]] | str | None = None
    ensemble: dict[str, Any] = field(default_factory=dict)

    def section(self, name: str) -> DataSection:
        """Return the data set of that name; "" for the only one of a ``[data]`` table."""
        return next(section for section in self.data if section.name == name)

    @property
    def only(self) -> DataSection:
        """The only data set.

        Raises
        ------
        ParameterError
            If there are several.
        """
        if len(self.data) > 1:
            names = ", ".join(section.name for section in self.data)
            raise ParameterError(
                "`data` must be one table here; "
                f"got {len(self.data)}, {names}. "
                "Several are supported by fit, check, "
                "compare, evaluate, predict and info."
            )
        return self.data[0]

    def read(self) -> Samples:
        """Read the data of a configuration with one data set."""
        return self.only.read(self.tasks)

    def splitter(self, samples: Samples) -> Splitter:
        """Return the rule that splits the samples of a configuration with one data set."""
        return self.only.splitter(samples)

    def read_all(self) -> DataSets:
        """Read all data sets, each table once.

        Raises
        ------
        DataError
            With everything that is wrong with any of them.
        """
        problems: list[str] = []
        by_name: dict[str, Samples] = {}
        for section in self.data:
            with gathering(problems), naming_data_set(section.name):
                by_name[section.name] = section.read(self.tasks)
        if problems:
            raise DataError("\n".join(problems))
        data_sets = DataSets(by_name)
        if data_sets.named:
            problems = self._missing_tasks(data_sets)
        if problems:
            raise DataError("\n".join(problems))
        return data_sets

    def make_estimator(self, **changes: object) -> MultiTaskEstimator:
        """Return the estimator, not fitted; `changes` override the file's parameters."""
        from multitide._estimator import MultiTaskEstimator

        return MultiTaskEstimator(**{"tasks": self.tasks, **self.estimator, **changes})

    @property
    def is_ensemble(self) -> bool:
        """Whether it describes an ensemble."""
        return self.members is not None

    def make_ensemble(self, **changes: object) -> Ensemble:
        """Return the ensemble, not fitted; `changes` override its arguments."""
        from multitide.ensemble._ensemble import Ensemble

        members: object = self.members
        if isinstance(self.members, dict):
            own = {}
            for name, params in self.members.items():
                own[name] = self.make_estimator(**params, tasks=None)
            members = own
        base = None
        if not isinstance(self.members, dict):
            base = self.make_estimator(tasks=None)
        arguments = {"members": members, "base": base}
        seed = self.estimator.get("random_state")
        return Ensemble(
            **{**arguments, "random_state": seed, **self.ensemble, **changes}
        )

    def params_of_fits(
        self, data_sets: Mapping[str, Samples]
    ) -> dict[str, dict[str, Any]]:
        """Return the parameters of what is fitted, by name: the estimator, or all members."""
        if not self.is_ensemble:
            return {
                "estimator": with_defaults(**{"tasks": self.tasks, **self.estimator})
            }
        params = {}
        members = self.make_ensemble().members_for(data_sets, self.tasks)
        for name, member in members.items():
            params[name] = member.get_params(deep=False)
        return params

    def changed(self, **params: object) -> Config:
        """Return a copy with other parameters of the estimator, given as plain values."""
        table = {**(self.table or self._as_table()), **params}
        return replace(self, estimator={**self.estimator, **params}, table=table)

    def changed_ensemble(self, *, best: bool = False, **arguments: object) -> Config:
        """Return a copy with other arguments of the ensemble; None leaves one as it is.

        Parameters
        ----------
        best : bool
            Use the default members.
        **arguments
            Of :class:`multitide.Ensemble`.

        Raises
        ------
        ParameterError
            If there is an argument, but no ensemble.
        """
        given = {}
        for name, value in arguments.items():
            if value is not None:
                given[name] = value
        members = "best" if best else self.members
        if given and members is None:
            name = next(iter(given))
            raise ParameterError(
                f"`{name}` must come with an ensemble; got {given[name]!r}. Use --best, or "
                "[[members]] in the configuration."
            )
        if members is None:
            return self
        ensemble = {**self.ensemble, **given}
        table = {**(self.table or self._as_table()), "members": members}
        if isinstance(members, dict):
            table["members"] = self._members_table()
        if ensemble:
            table["ensemble"] = ensemble
        return replace(self, members=members, ensemble=ensemble, table=table)

    def to_toml(self) -> str:
        """Return everything as TOML; :func:`load_config` reads it back, from any folder."""
        content = plain_config(self.table or self._as_table())
        return toml_text(with_version(with_absolute_paths(content, Path())))

    def _as_table(self) -> dict[str, object]:
        """Return the content of a file that says the same as a configuration made in Python."""
        sections: list[dict[str, object]] = []
        for section in self.data:
            table: dict[str, object] = dict(section.options)
            if section.name:
                table |= {"name": section.name, "split": section.split}
                if section.tasks is not None:
                    table["tasks"] = task_names(section.tasks)
            sections.append(table)
        content: dict[str, object] = {**self.estimator}
        if len(sections) == 1 and not self.data[0].name:
            content |= {"data": sections[0], "split": self.data[0].split}
        else:
            content["data"] = sections
        for name in ("tasks", "compare", "tune", "ensemble"):
            if getattr(self, name):
                content[name] = getattr(self, name)
        if self.members is not None:
            content["members"] = self._members_table()
        return content

    def _members_table(self) -> object:
        """Return the members as a file has them: one table each, with its name."""
        if not isinstance(self.members, dict):
            return self.members
        tables = []
        for name, params in self.members.items():
            tables.append({"name": name, **params})
        return tables

    def _missing_tasks(self, data_sets: DataSets) -> list[str]:
        """Name the tasks whose column no table has."""
        present, columns = set(), []
        for samples in data_sets.values():
            present.update(samples.y)
            if samples.reading:
                for column in samples.reading["columns"]:
                    columns.append(column["column"])
        problems = []
        for name in task_names(self.tasks or ()):
            if name not in present:
                problems.append(
                    "`tasks` must have their "
                    "columns in some data set; "
                    f"{name!r} is in none.{suggest(name, columns)}"
                )
        return problems
