"""What every representation is: a spec that is fitted to series, and an encoder from series to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from multitide._part import Part
from multitide.data._samples import Samples


class Encoder(ABC):
    """From series to vectors; what a representation becomes when it has seen training series."""

    @property
    def n_parameters(self) -> int:
        """How many numbers it has learned by gradient; 0 where it learns otherwise."""
        return 0

    @abstractmethod
    def transform(self, samples: Samples) -> np.ndarray:
        """Return one vector a sample, float32 (n_samples, n_features).

        Parameters
        ----------
        samples : Samples
            Raw series with the channels of the training series; of any length, NaN where nobody
            measured.

        Raises
        ------
        DataError
            If the channels are not those of training.
        """


@dataclass
class Representation(Part, ABC):
    """Spec of a representation; its dataclass fields are its parameters."""

    @abstractmethod
    def fit(self, samples: Samples) -> Encoder:
        """Learn from training series, labelled or not.

        Parameters
        ----------
        samples : Samples
            Of the training part only; labels are not looked at.
        """
