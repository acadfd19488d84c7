"""The decoded predictions of networks for any number of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch

from multitide._ready_to_predict import ready_to_predict
from multitide._threads import threads_of_step
from multitide._walk import modules_in
from multitide.backbones._batch_rows import batch_rows
from multitide.data._samples import Samples
from multitide.network._network import Predictor
from multitide.training._batches import DeviceSamples

# By task: probabilities (n_samples, n_classes) or numbers (n_samples,), as its target decodes them.
Decoded: TypeAlias = "dict[str, np.ndarray]"


@torch.no_grad()
def decode_samples(
    predictor: Predictor, samples: Samples, device: torch.device, data_set: str
) -> Decoded:
    """Return the decoded predictions of every task of a data set, in batches.

    Parameters
    ----------
    predictor : Predictor
        It is not changed, so that several threads can use it.
    samples : Samples
        What the networks read, in the form of the training samples.
    device : torch.device
        Where to compute.
    data_set : str
        The data set that the samples belong to.
    """
    predictor = ready_to_predict(predictor, device)
    statics: list[torch.Tensor | None] = []
    for static in predictor.encode_static(samples, data_set):
        statics.append(None if static is None else torch.from_numpy(static).to(device))
    table = DeviceSamples(samples, [], None, device)
    parts: list[Decoded] = []
    size = batch_rows(modules_in(predictor), samples.n_channels, samples.n_timepoints)
    with threads_of_step(
        predictor.largest, min(size, len(samples)), samples.n_timepoints
    ):
        for rows in torch.arange(len(samples), device=device).split(size):
            batch = table.gather(rows)
            static_rows = [None if each is None else each[rows] for each in statics]
            decoded = predictor(batch.x, batch.lengths, static_rows, data_set)
            parts.append({name: each.cpu().numpy() for name, each in decoded.items()})
    return joined(parts)


def joined(parts: Sequence[Decoded]) -> Decoded:
    """Return the predictions of all parts, in their order."""
    whole = {}
    for name in parts[0]:
        whole[name] = np.concatenate([part[name] for part in parts])
    return whole
