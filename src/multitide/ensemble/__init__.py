"""Ensembles: several fitted estimators that predict together, with weights per task."""

from multitide.ensemble._ensemble import Ensemble

__all__ = ["Ensemble"]
