"""The features of the rows of a fit: computed once for all trees that read the same ones."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import numpy as np

from multitide.data._samples import Samples
from multitide.network._network import Network
from multitide.network._shared_features import FeatureKey, feature_key
from multitide.representations._features import features_of

MOST_BYTES = 2**28  # of the tables that are kept


class FeatureTables:
    """The features of samples, kept while other trees of the fit may read them.

    "auto" grows up to four groups of trees on the training set, judges each on the validation set,
    and grows them again on both sets, to which the input layers are fitted anew. Tables are kept up
    to a size, those that were read last.

    Parameters
    ----------
    most_bytes : int, default=MOST_BYTES
        Size of the tables that are kept.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._samples: Samples | None = None
        self._tables: OrderedDict[tuple[FeatureKey, bytes], np.ndarray] = OrderedDict()

    def table(self, network: Network, samples: Samples, rows: np.ndarray) -> np.ndarray:
        """Return the features of some samples, float32 (n_rows, n_features), read-only.

        Parameters
        ----------
        network : Network
            A network of trees; its input layers are fitted.
        samples : Samples
            The samples of the fit.
        rows : ndarray of int
            Some of them.
        """
        key = feature_key(network)
        if key is None:
            return features_of([network], samples[rows])
        if samples is not self._samples:
            self.clear()
            self._samples = samples
        place = key, _hash(rows)
        if place not in self._tables:
            features = features_of([network], samples[rows])
            features.flags.writeable = False
            self._tables[place] = features
        self._tables.move_to_end(place)
        found = self._tables[place]
        self._drop_oldest()
        return found

    def clear(self) -> None:
        """Drop all tables."""
        self._tables.clear()

    def _drop_oldest(self) -> None:
        """Drop the tables that were read longest ago until the others are small enough."""
        while sum(table.nbytes for table in self._tables.values()) > self._most_bytes:
            self._tables.popitem(last=False)


def _hash(rows: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(rows).tobytes()).digest()
