"""Balancing the tasks: weightings of their losses, by name."""

from multitide.balancing.dwa import DWA
from multitide.balancing.fixed import Fixed
from multitide.balancing.random import Random
from multitide.balancing.uncertainty import Uncertainty
from multitide.balancing.uniform import Uniform
from multitide.balancing.weighting import Weighting, WeightingModule

WEIGHTINGS: dict[str, type[Weighting]] = {
    "uniform": Uniform,
    "fixed": Fixed,
    "uncertainty": Uncertainty,
    "dwa": DWA,
    "random": Random,
}

__all__ = ["DWA", "WEIGHTINGS", "Fixed", "Random", "Uncertainty", "Uniform", "Weighting", "WeightingModule"]
