"""Balancing the tasks: weightings of their losses and aggregators of their gradients, by name."""

from multitide.balancing._aggregator import Aggregator, AggregatorModule
from multitide.balancing._dwa import DWA
from multitide.balancing._famo import FAMO
from multitide.balancing._fixed import Fixed
from multitide.balancing._imtl_l import IMTLL
from multitide.balancing._random import Random
from multitide.balancing._search import Search
from multitide.balancing._torchjd_aggregator import AGGREGATORS, TorchJDAggregator
from multitide.balancing._torchjd_scalarizer import COSMOS, PBI, STCH, GeometricMean
from multitide.balancing._uncertainty import Uncertainty
from multitide.balancing._uniform import Mean, Uniform
from multitide.balancing._weighting import Weighting, WeightingModule

WEIGHTINGS: dict[str, type[Weighting]] = {
    "uniform": Uniform,
    "fixed": Fixed,
    "search": Search,
    "uncertainty": Uncertainty,
    "dwa": DWA,
    "random": Random,
    "mean": Mean,
    "geometric_mean": GeometricMean,
    "imtl_l": IMTLL,
    "famo": FAMO,
    "stch": STCH,
    "cosmos": COSMOS,
    "pbi": PBI,
}

__all__ = [
    "AGGREGATORS",
    "COSMOS",
    "DWA",
    "FAMO",
    "IMTLL",
    "PBI",
    "STCH",
    "WEIGHTINGS",
    "Aggregator",
    "AggregatorModule",
    "Fixed",
    "GeometricMean",
    "Mean",
    "Random",
    "Search",
    "TorchJDAggregator",
    "Uncertainty",
    "Uniform",
    "Weighting",
    "WeightingModule",
]
