"""MiniRocket: fractions of time in which fixed convolutions of a series exceed a threshold."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from multitide._own_random_numbers import own_random_numbers
from multitide.data._samples import Samples
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._inputs import Impute
from multitide.encodings._scaling import Scale
from multitide.errors import DataError, MissingDependencyError
from multitide.representations._representation import (
    SeriesEncoder,
    SeriesRepresentation,
    complete_series,
    fit_layer,
)

_aeon_lock = threading.RLock()
KERNEL = 9  # number of steps of a kernel without dilation
# Each bias is a quantile of one series; more series would change nothing.
MAX_FIT_SAMPLES = 4096
NAMES = (
    "n_channels_per_kernel",
    "channel_indices",
    "dilations",
    "n_features_per_dilation",
    "biases",
)


@dataclass
class MiniRocket(SeriesRepresentation):
    """MiniRocket (Dempster et al. 2021 [1]_): thousands of features without training.

    A fast and strong baseline; needs the extra ``representations``. Each feature is the fraction of
    time in which a convolution of the series, with one of 84 fixed kernels at some dilation over
    some channels, is above a bias. Biases are drawn from convolutions of the training series.

    Parameters
    ----------
    n_features : int, default=10000
        Number of features; rounded down to a multiple of 84.
    max_dilations : int, default=32
        Maximum number of dilations per kernel.
    length : int, optional
        Maximum number of steps that a dilated kernel spans. Default: the length of the shortest
        training series. Shorter samples are padded with their last values.
    impute, scale
        As in :class:`multitide.Inputs`. Convolutions sum over channels, so all channels need a
        common scale.
    random_state : int, default=0
        Seed for drawing channels and biases.

    Notes
    -----
    (n_samples, n_channels, time) -> (n_samples, n_features). The paper uses series of equal length.
    Here, series of any length are used as they are, because a feature is a mean over time.

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
        """Draw the channels and biases.

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
                f"`X` must have at least {KERNEL} time steps for MiniRocket; the longest series "
                f"has {samples.n_timepoints}. Use another representation."
            )
        layer = fit_layer(samples, self.impute, self.scale)
        length = self.length or max(KERNEL, int(samples.lengths.min()))
        n_chosen = min(len(samples), MAX_FIT_SAMPLES)
        chosen = np.linspace(0, len(samples) - 1, n_chosen).astype(np.int64)
        cut = []
        for _, x in complete_series(samples[chosen], layer):
            cut.append(pad_to(x, length)[:, :, -length:])
        model = minirocket.MiniRocket(
            self.n_features, self.max_dilations, random_state=self.random_state
        )
        with own_random_numbers(self.random_state), preserved_threads():
            model.fit(np.concatenate(cut))
        learned = dict(zip(NAMES, model.parameters, strict=True))
        return MiniRocketEncoder(self, layer, samples.categories, learned)

    def restore(
        self,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        arrays: Mapping[str, np.ndarray],
    ) -> MiniRocketEncoder:
        """Rebuild an encoder from its arrays."""
        return MiniRocketEncoder(self, layer, categories, arrays)


class MiniRocketEncoder(SeriesEncoder):
    """A fitted MiniRocket.

    Parameters
    ----------
    spec, layer, categories
        See :class:`SeriesEncoder`.
    learned : mapping of str to ndarray
        Dilations with their numbers of features, the channels of each kernel, and one bias per
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
        """Number of steps that the longest kernel spans; shorter series are padded."""
        return (KERNEL - 1) * int(self._learned["dilations"].max()) + 1

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the fractions of time, (n, n_features)."""
        with preserved_threads():
            model = import_minirocket().MiniRocket(n_jobs=1)
            model.parameters = tuple(self._learned.values())
            model._n_jobs = 1
            # aeon's `transform` would require that `fit` was called.
            vectors: np.ndarray = model._transform(pad_to(x, self.n_spanned))
            return vectors

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the channels, dilations and biases."""
        return dict(self._learned)


def pad_to(x: np.ndarray, length: int) -> np.ndarray:
    """Return series of at least `length` steps, padded with their last values."""
    missing = length - x.shape[2]
    if missing <= 0:
        return np.ascontiguousarray(x)
    return np.pad(x, ((0, 0), (0, 0), (0, missing)), mode="edge")


def import_minirocket() -> ModuleType:
    """Return aeon's module, which is slow to import and compiles code at its first use."""
    try:
        from aeon.transformations.collection import convolution_based
    except ImportError as error:
        raise MissingDependencyError(
            "MiniRocket needs aeon, which is not installed. "
            'Run: pip install "multitide[representations]"'
        ) from error
    module: ModuleType = convolution_based
    return module


@contextmanager
def preserved_threads() -> Iterator[None]:
    """Restore torch's number of threads, which aeon changes; one thread calls aeon at a time."""
    with _aeon_lock:
        n_threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)
