"""The parts of the input whose values are exchanged: channels, groups, segments of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components

from multitide._checks import check_positive_int, one_of, repeated, suggest
from multitide.data._samples import Samples
from multitide.errors import ParameterError

CORRELATED = "correlated"  # the word for groups that are found
ALIKE = 0.8  # absolute rank correlation of channels that are taken for one
MAX_ROWS = 20_000  # that correlations are computed on
MOST_NAMES = 3  # of a group without a name

Groups = Mapping[str, Sequence[str]] | Sequence[Sequence[str]] | str


@dataclass(frozen=True)
class InputPart:
    """Inputs that are exchanged together.

    Attributes
    ----------
    kind : {"channel", "group", "static", "segment"}
    name : str
    channels : tuple of int
        Positions of the channels.
    statics : tuple of str
        Static inputs.
    begin, end : float
        The share of each series' length that is exchanged.
    """

    kind: str
    name: str
    channels: tuple[int, ...] = ()
    statics: tuple[str, ...] = ()
    begin: float = 0.0
    end: float = 1.0


def input_parts(
    samples: Samples, n_segments: int, groups: Groups | None
) -> list[InputPart]:
    """Return the parts: channels and static inputs, alone or in groups, and segments of time.

    Raises
    ------
    ParameterError
        If `n_segments` is not a positive int, or a group names an unknown or a repeated input.
    """
    check_positive_int("n_segments", n_segments)
    grouped = _groups(samples, groups)
    together = set()
    for names in grouped.values():
        together.update(names)
    parts = []
    for name, names in grouped.items():
        parts.append(_part("group", name, names, samples))
    for name in samples.channels:
        if name not in together:
            parts.append(_part("channel", name, [name], samples))
    for name in _statics(samples):
        if name not in together:
            parts.append(_part("static", name, [name], samples))
    return parts + _segments(samples, n_segments)


def _part(kind: str, name: str, members: Sequence[str], samples: Samples) -> InputPart:
    channels = []
    statics = []
    for member in members:
        if member in samples.channels:
            channels.append(samples.channels.index(member))
        else:
            statics.append(member)
    return InputPart(kind, name, tuple(channels), tuple(statics))


def _segments(samples: Samples, n_segments: int) -> list[InputPart]:
    """Return equal parts of each series' length; none if every series is a single step."""
    n_segments = min(n_segments, samples.n_timepoints)
    if samples.n_timepoints < 2:
        return []
    channels = tuple(range(samples.n_channels))
    bounds = np.linspace(0, 1, n_segments + 1)
    parts = []
    for begin, end in pairwise(bounds):
        if samples.equal_lengths:
            steps = steps_within(samples.n_timepoints, begin, end)
            name = f"steps {steps.start + 1} to {steps.stop}"
        else:
            name = f"{begin:.0%} to {end:.0%}"
        parts.append(InputPart("segment", name, channels, (), begin, end))
    return parts


def steps_within(length: int, begin: float, end: float) -> range:
    """Return the steps of a series that lie within a share of its length."""
    return range(round(begin * length), round(end * length))


def _groups(samples: Samples, groups: Groups | None) -> dict[str, list[str]]:
    """Return the names of the inputs of each group, by its name."""
    if groups is None:
        return {}
    if isinstance(groups, str):
        if groups != CORRELATED:
            raise ParameterError(
                "`groups` must be lists of channels and static inputs, or "
                f"{CORRELATED!r}; got {groups!r}."
            )
        members = correlated_channels(samples)
        return {_joined(names): names for names in members}
    _check_lists(groups)
    if isinstance(groups, Mapping):
        named = {str(name): list(names) for name, names in groups.items()}
    else:
        named = {_joined(names): list(names) for names in groups}
    _check_groups(named, [*samples.channels, *_statics(samples)])
    return named


def _check_lists(groups: object) -> None:
    """Raise unless groups are lists of names, with or without a name of their own."""
    members = None
    if isinstance(groups, Mapping):
        members = list(groups.values())
    elif isinstance(groups, (list, tuple)):
        members = list(groups)
    if members is None or not all(isinstance(each, (list, tuple)) for each in members):
        raise ParameterError(
            "`groups` must be lists of channels and static inputs, such as "
            f'[["a", "b"]] or {{"name": ["a", "b"]}}; got {groups!r:.100}.'
        )


def _check_groups(groups: Mapping[str, list[str]], known: Sequence[str]) -> None:
    everything = []
    for names in groups.values():
        everything += names
    for name in everything:
        if name not in known:
            raise ParameterError(
                f"`groups` must name channels or static inputs, {one_of(known)}; "
                f"got {name!r}.{suggest(str(name), known)}"
            )
    if twice := repeated(everything):
        raise ParameterError(
            f"`groups` must have each input once; got {twice[0]!r} twice."
        )


def correlated_channels(samples: Samples) -> list[list[str]]:
    """Return the channels that are alike: chains of absolute rank correlations from `ALIKE` on."""
    rows = np.linspace(0, len(samples.values) - 1, MAX_ROWS).astype(np.int64)
    values = samples.values[np.unique(rows)]
    numeric = []
    for i, name in enumerate(samples.channels):
        if name not in samples.categories:
            numeric.append(i)
    ranks = pd.DataFrame(values[:, numeric]).rank()
    alike = np.nan_to_num(ranks.corr().abs().to_numpy()) >= ALIKE
    n_groups, group_of = connected_components(alike, directed=False)
    found = []
    for group in range(n_groups):
        members = np.flatnonzero(group_of == group)
        if len(members) > 1:
            found.append([samples.channels[numeric[member]] for member in members])
    return found


def _joined(names: Sequence[str]) -> str:
    shown = " + ".join(map(str, names[:MOST_NAMES]))
    rest = len(names) - MOST_NAMES
    if rest > 0:
        return f"{shown} + {rest} more"
    return shown


def _statics(samples: Samples) -> list[str]:
    if samples.static is None:
        return []
    return list(samples.static.columns)
