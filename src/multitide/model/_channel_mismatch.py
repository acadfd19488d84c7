"""What differs between the channels of new samples and those of the training data, in words."""

from __future__ import annotations

from collections.abc import Sequence

from multitide._checks import suggest
from multitide.data._samples import Samples

MOST_SHOWN = 8


def channel_mismatch(samples: Samples, channels: tuple[str, ...]) -> str:
    """Return a message that says how the channels of `samples` differ, and what to do.

    Parameters
    ----------
    samples : Samples
        New samples, with other channels.
    channels : tuple of str
        The channels of the training data.
    """
    required = f"`X` must have the {len(channels)} channels of the training data"
    given = samples.channels
    if sorted(given) == sorted(channels):
        order = list(map(given.index, channels))
        return (
            f"{required} in the same order, {_listed(channels)}; "
            f"got {_listed(given)}. "
            f"For an array, take X[:, {_listed(order)}]; "
            "a table is read in the right order by "
            "multitide.read_like(estimator.reading_, table)."
        )
    if _has_no_names(given):
        return f"{required}; got {_array_remedy(samples, channels)}"
    return (
        f"{required}, {_listed(channels)}; got {len(given)}, with "
        f"{_differences(given, channels)}"
    )


def _differences(given: Sequence[str], channels: Sequence[str]) -> str:
    """Name the channels that are missing and unknown, and a near miss."""
    missing = []
    for channel in channels:
        if channel not in given:
            missing.append(channel)
    unknown = []
    for channel in given:
        if channel not in channels:
            unknown.append(channel)
    if not unknown:
        return f"{_listed(missing)} missing."
    if not missing:
        return f"{_listed(unknown)} unknown."
    suggestion = suggest(unknown[0], missing)
    return f"{_listed(missing)} missing and {_listed(unknown)} unknown.{suggestion}"


def _array_remedy(samples: Samples, channels: tuple[str, ...]) -> str:
    """Say what is wrong with an array, whose channels have no names."""
    n_channels = samples.n_channels
    if n_channels == len(channels):
        return (
            "an array, whose channels have no "
            f"names, for {_listed(channels)}. "
            "If they are in this order, use "
            f"Samples.from_arrays(X, channels={list(channels)})."
        )
    text = f"{n_channels}."
    if samples.equal_lengths and samples.n_timepoints == len(channels):
        text += " Its axes look swapped: use X.transpose(0, 2, 1)."
    if samples.n_timepoints == 1 and len(samples) == len(channels):
        shape = (len(samples), n_channels)
        text += f" If {shape} is a single series, use X[None]."
    return text


def _has_no_names(channels: tuple[str, ...]) -> bool:
    return channels == tuple(map(str, range(len(channels))))


def _listed(names: Sequence[object]) -> str:
    """Return the names as a list, of which only the first are shown."""
    shown = ", ".join(map(repr, names[:MOST_SHOWN]))
    if len(names) > MOST_SHOWN:
        shown += ", ..."
    return f"[{shown}]"
