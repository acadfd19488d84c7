"""Balancing the tasks: weightings of their losses and aggregators of their gradients, by name."""

from multitide.balancing._aggregator import Aggregator, AggregatorModule
from multitide.balancing._aggregators import (
    IMTLG,
    MGDA,
    AlignedMTL,
    CAGrad,
    ConFIG,
    DualProj,
    ExcessMTL,
    FairGrad,
    GradDrop,
    GradVac,
    NashMTL,
    PCGrad,
    UPGrad,
)
from multitide.balancing._dwa import DWA
from multitide.balancing._famo import FAMO
from multitide.balancing._fixed import Fixed
from multitide.balancing._imtl_l import IMTLL
from multitide.balancing._mean import Mean
from multitide.balancing._random import Random
from multitide.balancing._scalarizers import COSMOS, PBI, STCH, GeometricMean
from multitide.balancing._search import Search
from multitide.balancing._uncertainty import Uncertainty
from multitide.balancing._uniform import Uniform
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

AGGREGATORS: dict[str, type[Aggregator]] = {
    "pcgrad": PCGrad,
    "upgrad": UPGrad,
    "dualproj": DualProj,
    "cagrad": CAGrad,
    "mgda": MGDA,
    "imtl_g": IMTLG,
    "aligned_mtl": AlignedMTL,
    "nash_mtl": NashMTL,
    "fairgrad": FairGrad,
    "gradvac": GradVac,
    "graddrop": GradDrop,
    "config": ConFIG,
    "excess_mtl": ExcessMTL,
}

__all__ = [
    "AGGREGATORS",
    "COSMOS",
    "DWA",
    "FAMO",
    "IMTLG",
    "IMTLL",
    "MGDA",
    "PBI",
    "STCH",
    "WEIGHTINGS",
    "Aggregator",
    "AggregatorModule",
    "AlignedMTL",
    "CAGrad",
    "ConFIG",
    "DualProj",
    "ExcessMTL",
    "FairGrad",
    "Fixed",
    "GeometricMean",
    "GradDrop",
    "GradVac",
    "Mean",
    "NashMTL",
    "PCGrad",
    "Random",
    "Search",
    "UPGrad",
    "Uncertainty",
    "Uniform",
    "Weighting",
    "WeightingModule",
]
