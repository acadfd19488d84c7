"""The search for settings, on the validation part only."""

from multitide.tuning.conduct import tune
from multitide.tuning.progress import Progress
from multitide.tuning.result import Tuning
from multitide.tuning.spaces import make_space
from multitide.tuning.trials import Trial

__all__ = ["Progress", "Trial", "Tuning", "make_space", "tune"]
