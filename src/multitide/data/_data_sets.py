"""One data set, or several by name: one shape for both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from multitide._checks import a_kind
from multitide.data._samples import Samples
from multitide.errors import DataError, ParameterError

Result = TypeVar("Result")


class DataSets(Mapping[str, Samples]):
    """The data sets of a fit or a study, by name.

    A user who gives :class:`Samples` has one data set without a name, and wants results without
    names; a user who gives a dict has named data sets, perhaps only one. Everything in between
    handles a mapping, and asks :meth:`like_input` at the end.

    Parameters
    ----------
    given : Samples or mapping of str to Samples
        What the user gave.

    Attributes
    ----------
    named : bool
        Whether the user gave names.

    Raises
    ------
    DataError
        If the mapping is empty, or a name is not a text or is blank.
    """

    UNNAMED = ""  # the key of a data set without a name, also in files

    def __init__(self, given: Samples | Mapping[str, Samples]) -> None:
        if isinstance(given, Samples):
            given = {self.UNNAMED: given}
        _check_types(given)
        self._by_name = dict(given)
        self.named = list(self._by_name) != [self.UNNAMED]
        if self.named:
            self._check_names()

    def __getitem__(self, name: str) -> Samples:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name!r}: {len(samples)}" for name, samples in self.items())
        return f"DataSets({{{sizes}}} samples)"

    def only(self, purpose: str) -> Samples:
        """Return the samples of the only data set.

        Parameters
        ----------
        purpose : str
            What cannot be done for several, for the message: ``"`conditions`"``.

        Raises
        ------
        ParameterError
            If there are several data sets.
        """
        if len(self) > 1:
            raise ParameterError(
                f"{purpose} must have one data set; got {len(self)}: {list(self)}."
            )
        return next(iter(self._by_name.values()))

    def like_input(self, results: Mapping[str, Result]) -> Result | dict[str, Result]:
        """Return results by data set the way the user gave these: a dict, or the only result."""
        if self.named:
            return dict(results)
        return next(iter(results.values()))

    def _check_names(self) -> None:
        names = list(self._by_name)
        if not names or not all(map(_is_name, names)):
            raise DataError(
                f"`X` must have a name, a text, for every data set; got {names}."
            )


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip())


def _check_types(given: object) -> None:
    """Raise unless these are samples by name."""
    wrong: list[object] = []
    if isinstance(given, Mapping):
        for value in given.values():
            if not isinstance(value, Samples):
                wrong.append(value)
    else:
        wrong.append(given)
    if not wrong:
        return
    remedy = "Make them with multitide.read_table or Samples.from_arrays."
    if hasattr(wrong[0], "get_params"):
        remedy = "Give the samples first, and an estimator as estimator=..."
    raise DataError(
        "`samples` must be Samples, or a dict of Samples by name; "
        f"got {a_kind(wrong[0])}. {remedy}"
    )
