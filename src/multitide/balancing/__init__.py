"""Balancing the tasks: weightings of their losses and aggregators of their gradients, by name."""

from multitide.balancing.aggregator import Aggregator, AggregatorModule
from multitide.balancing.aggregators import (
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
from multitide.balancing.dwa import DWA
from multitide.balancing.famo import FAMO
from multitide.balancing.fixed import Fixed
from multitide.balancing.imtl_l import IMTLL
from multitide.balancing.mean import Mean
from multitide.balancing.random import Random
from multitide.balancing.scalarizers import COSMOS, PBI, STCH, GeometricMean
from multitide.balancing.search import Search
from multitide.balancing.uncertainty import Uncertainty
from multitide.balancing.uniform import Uniform
from multitide.balancing.weighting import Weighting, WeightingModule

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
