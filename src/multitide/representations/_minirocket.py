"""MiniRocket: shares of time that a series spends above quantiles of fixed convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from multitide.data._samples import Samples
from multitide.encodings._inputs import Impute, InputLayer
from multitide.encodings._scaling import Scale
from multitide.errors import DataError, MissingDependencyError
from multitide.representations._representation import (
    SeriesEncoder,
    SeriesRepresentation,
    complete_series,
    fit_layer,
)

KERNEL = 9  # steps of a kernel, undilated
MAX_FIT_SAMPLES = 4096  # each bias is a quantile of one series; more of them change nothing
NAMES = (
    "n_channels_per_kernel",
    "channel_indices",
    "dilations",
    "n_features_per_dilation",
    "biases",
)


@dataclass
class MiniRocket(SeriesRepresentation):
    """MiniRocket (Dempster et al. 2021): thousands of features in one pass, without training; a strong baseline.

    Needs the extra ``representations``. Each feature is the share of time that a convolution of the
    series, with one of 84 fixed kernels at some dilation over some channels, is above a bias drawn
    from the training series.

    Parameters
    ----------
    n_features : int, default=10000
        Rounded down to a multiple of 84.
    max_dilations : int, default=32
        Most dilations a kernel.
    length : int, optional
        Steps that the longest kernel spans; the shortest training series when not given. A sample
        that is shorter is filled up with its last values.
    impute, scale
        As in :class:`multitide.encodings._inputs.Inputs`: convolutions sum over channels, so
        channels need one scale.
    random_state : int, default=0
        Of the channels and biases.

    Notes
    -----
    (n_samples, n_channels, time) -> (n_samples, n_features). The paper reads one length. Here
    series of any length are read as they are: a feature is a mean over time.

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "MiniRocket: a very fast (almost) deterministic transform for
       time series classification", KDD 2021. https://arxiv.org/abs/2012.08791
    """

    n_features: Annotated[int, Field(ge=84)] = 10_000
    max_dilations: Annotated[int, Field(ge=1)] = 32
    length: Annotated[int, Field(ge=KERNEL)] | None = None
    impute: Impute = "ffill"
    scale: Scale = "standard"
    random_state: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def fit(self, samples: Samples) -> MiniRocketEncoder:
        """Draw channels and biases.

        Raises
        ------
        MissingDependencyError
            If aeon is not installed.
        DataError
            If all series have fewer than 9 steps.
        """
        self.check()
        minirocket = import_minirocket()
        if samples.n_timepoints < KERNEL:
            raise DataError(
                f"`X` must have at least {KERNEL} time steps for MiniRocket; the longest series has "
                f"{samples.n_timepoints}. Use another representation."
            )
        layer = fit_layer(samples, self.impute, self.scale)
        length = self.length or max(KERNEL, int(samples.lengths.min()))
        chosen = np.linspace(0, len(samples) - 1, min(len(samples), MAX_FIT_SAMPLES)).astype(
            np.int64
        )
        cut = [
            at_least(x, length)[:, :, -length:] for _, x in complete_series(samples[chosen], layer)
        ]
        model = minirocket.MiniRocket(
            self.n_features, self.max_dilations, random_state=self.random_state
        )
        with undisturbed():
            model.fit(np.concatenate(cut))
        return MiniRocketEncoder(
            self, layer, samples.categories, dict(zip(NAMES, model.parameters, strict=True))
        )

    def restore(
        self,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        arrays: Mapping[str, np.ndarray],
    ) -> MiniRocketEncoder:
        """Rebuild an encoder from its arrays."""
        return MiniRocketEncoder(self, layer, categories, arrays)


class MiniRocketEncoder(SeriesEncoder):
    """MiniRocket with its channels and biases.

    Parameters
    ----------
    spec, layer, categories
        See :class:`SeriesEncoder`.
    learned : mapping of str to ndarray
        Dilations with the number of features of each, the channels of each kernel, and a bias a
        feature.
    """

    def __init__(
        self,
        spec: MiniRocket,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        learned: Mapping[str, np.ndarray],
    ) -> None:
        super().__init__(spec, layer, categories)
        self._learned = {name: np.ascontiguousarray(learned[name]) for name in NAMES}

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self._learned["biases"])

    @property
    def n_spanned(self) -> int:
        """Steps that the longest kernel spans; shorter series are filled up."""
        return (KERNEL - 1) * int(self._learned["dilations"].max()) + 1

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the shares of time, (n, n_features)."""
        with undisturbed():
            model = import_minirocket().MiniRocket(n_jobs=1)
            model.parameters, model._n_jobs = tuple(self._learned.values()), 1
            return model._transform(
                at_least(x, self.n_spanned)
            )  # aeon's `transform` refuses what it has not fitted

    def arrays(self) -> dict[str, np.ndarray]:
        """Return channels, dilations and biases."""
        return dict(self._learned)


def at_least(x: np.ndarray, length: int) -> np.ndarray:
    """Return series of at least so many steps, shorter ones filled up with their last values."""
    missing = length - x.shape[2]
    return (
        np.pad(x, ((0, 0), (0, 0), (0, missing)), mode="edge")
        if missing > 0
        else np.ascontiguousarray(x)
    )


def import_minirocket() -> ModuleType:
    """Return aeon's module; it is slow to import, and slow to compile when it is used for the first time."""
    try:
        from aeon.transformations.collection import convolution_based
    except ImportError as error:
        raise MissingDependencyError(
            'MiniRocket needs aeon, which is not installed. pip install "multitide[representations]"'
        ) from error
    return convolution_based


@contextmanager
def undisturbed() -> Iterator[None]:
    """Leave NumPy's global generator and torch's number of threads as they were: aeon seeds one and sets the other."""
    state, n_threads = np.random.get_state(), torch.get_num_threads()
    try:
        yield
    finally:
        np.random.set_state(state)
        torch.set_num_threads(n_threads)
