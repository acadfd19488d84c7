"""The training loop: its settings, its steps, what it records, and the callbacks."""

from __future__ import annotations

from multitide.training._affinity import AffinityRecorder
from multitide.training._callbacks import Callback
from multitide.training._gradient_recorder import GradientRecorder
from multitide.training._mlflow import MLflow
from multitide.training._settings import Training
from multitide.training._tensorboard import TensorBoard

__all__ = [
    "AffinityRecorder",
    "Callback",
    "GradientRecorder",
    "MLflow",
    "TensorBoard",
    "Training",
]
