"""A data set together with its split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from multitide.data._samples import Samples
from multitide.data._split import Split


@dataclass(frozen=True)
class SplitData:
    """A data set together with its split.

    Attributes
    ----------
    name : str
        The data set's name; "" if it is the only one and has none.
    samples : Samples
        All samples.
    split : Split
        Which of them belong to the training, validation, calibration and test set. An estimator
        sees no test set, so that `split.test` is empty within a fit.
    """

    name: str
    samples: Samples
    split: Split

    @classmethod
    def for_training(cls, samples: Samples, name: str = "") -> SplitData:
        """Return a data set whose samples all belong to the training set."""
        none = np.array([], dtype=np.int64)
        return cls(name, samples, Split(np.arange(len(samples)), none, none))

    @property
    def training_set(self) -> Samples:
        """The samples to train on."""
        return self.samples[self.split.train]

    @property
    def validation_set(self) -> Samples:
        """The samples that choose the epoch."""
        return self.samples[self.split.validation]

    @property
    def calibration_set(self) -> Samples:
        """The samples that calibrate what was trained; none by default."""
        return self.samples[self.split.calibration]

    @property
    def test_set(self) -> Samples:
        """The samples that are used only to evaluate."""
        return self.samples[self.split.test]
