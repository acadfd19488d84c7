"""The search for settings, on the validation set only."""

from multitide.tuning._make_space import make_space
from multitide.tuning._progress_bar import Progress
from multitide.tuning._result import Tuning
from multitide.tuning._trials import Trial
from multitide.tuning._tune import tune

__all__ = ["Progress", "Trial", "Tuning", "make_space", "tune"]
