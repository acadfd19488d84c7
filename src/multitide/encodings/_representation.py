"""Base classes of representations: a spec, and the encoder it gives when fitted to series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from multitide._part import Part
from multitide.data._samples import Samples


class Encoder(ABC):
    """A fitted representation: it transforms series to vectors."""

    @property
    def n_parameters(self) -> int:
        """Number of parameters trained by gradient descent; 0 for other methods."""
        return 0

    @abstractmethod
    def transform(self, samples: Samples) -> np.ndarray:
        """Return one vector per sample, float32 (n_samples, n_features).

        Parameters
        ----------
        samples : Samples
            Raw series of any length, with the channels of the training series. Use NaN for missing
            values.

        Raises
        ------
        DataError
            If the channels differ from those of training.
        """


@dataclass
class Representation(Part, ABC):
    """Spec of a representation; its dataclass fields are its parameters."""

    @abstractmethod
    def fit(self, samples: Samples) -> Encoder:
        """Fit to training series, labelled or not.

        Parameters
        ----------
        samples : Samples
            The training set only; labels are not used.
        """
