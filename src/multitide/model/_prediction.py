"""Running a fitted model over any number of samples."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import torch

from multitide.backbones._backbone import check_shortest
from multitide.data._samples import Samples
from multitide.encodings._representation import Encoder
from multitide.errors import DataError, MultitideWarning
from multitide.model._stored_representation import chunks
from multitide.network._network import Answers
from multitide.representations import represent
from multitide.training._batches import DeviceSamples

BATCH = 1024


@torch.no_grad()
def decode(
    answers: Answers,
    samples: Samples,
    channels: tuple[str, ...],
    n_timepoints: int,
    device: torch.device,
    encoder: Encoder | None = None,
    domain: str = "",
) -> dict[str, np.ndarray]:
    """Return each task's probabilities (n_samples, n_classes) or numbers (n_samples,).

    Parameters
    ----------
    answers : Answers
        The fitted model; it is moved to the device and back.
    samples : Samples
        Raw series.
    channels, n_timepoints : tuple of str, int
        What the model was fitted on.
    device : torch.device
        Where to compute.
    encoder : Encoder, optional
        Makes the vectors that the model reads.
    domain : str, default=""
        Which data set the samples are of.

    Raises
    ------
    DataError
        If the channels or the static inputs are not those of the training samples, or a series is
        too short for the backbone.
    """
    check_like_training(answers, samples, channels, n_timepoints, domain)
    if encoder is None:
        return _decode(answers, samples, device, domain)
    n_features = len(answers.network_list[0].entrances[0].inputs.channels)
    vectors = (represent(samples[rows], encoder) for rows in chunks(samples, n_features))
    return _joined([_decode(answers, part, device, domain) for part in vectors])


def _decode(
    answers: Answers, samples: Samples, device: torch.device, domain: str
) -> dict[str, np.ndarray]:
    answers = answers.to(device).eval()
    networks = [network for network, _ in answers.answering(domain)]
    statics = [
        network.encode_static(samples, network.domains.index(domain)) for network in networks
    ]
    on_device = [None if s is None else torch.from_numpy(s).to(device) for s in statics]
    table = DeviceSamples(samples, [], None, device)
    parts: list[dict[str, np.ndarray]] = []
    for rows in torch.arange(len(samples), device=device).split(BATCH):
        batch = table.gather(rows)
        decoded = answers(
            batch.x, batch.lengths, [None if s is None else s[rows] for s in on_device], domain
        )
        parts.append({name: values.cpu().numpy() for name, values in decoded.items()})
    answers.cpu()
    return _joined(parts)


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def check_like_training(
    answers: Answers,
    samples: Samples,
    channels: tuple[str, ...],
    n_timepoints: int,
    domain: str = "",
) -> None:
    """Raise unless the samples have the training samples' channels and static inputs, and steps enough."""
    if not len(samples):
        raise DataError("`X` must have at least one sample; got none.")
    if samples.channels != channels:
        missing = [c for c in channels if c not in samples.channels]
        unknown = [c for c in samples.channels if c not in channels]
        raise DataError(
            f"`X` must have the {len(channels)} channels {list(channels)} of the training data, in this order; got "
            f"{samples.n_channels}: {list(samples.channels)}. Missing: {missing}; unknown: {unknown}."
        )
    entrances = [entrance for network in answers.network_list for entrance in network.entrances]
    if samples.static is None and any(e.static is not None for e in entrances if e.name == domain):
        raise DataError("`static` must be given: the model was fitted with static inputs.")
    check_shortest(answers, int(samples.lengths.min()))
    if samples.n_timepoints > 4 * n_timepoints:
        warnings.warn(
            f"`X` has series of {samples.n_timepoints} steps; the longest in training had {n_timepoints}.",
            MultitideWarning,
            stacklevel=4,
        )


def joined(model: Answers, decoded: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return decoded answers in the user's own values, the columns of all tasks beside each other."""
    return pd.concat(
        [model.target(name).to_frame(values) for name, values in decoded.items()], axis=1
    )


def tables(
    model: Answers, decoded: Mapping[str, np.ndarray], what: Literal["probabilities", "quantiles"]
) -> dict[str, pd.DataFrame]:
    """Return what the targets of the tasks that have it make of decoded answers, by task."""
    found = {name: getattr(model.target(name), what)(values) for name, values in decoded.items()}
    return {name: table for name, table in found.items() if table is not None}
