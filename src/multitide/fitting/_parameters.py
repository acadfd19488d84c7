"""The parameters of an estimator, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from multitide._known_arguments import known_arguments
from multitide.backbones import Backbone
from multitide.balancing import Aggregator, Weighting
from multitide.data._splitter import Splitter
from multitide.encodings._inputs import Inputs
from multitide.sharing import Sharing
from multitide.tasks import Task
from multitide.training._settings import Training

Table: TypeAlias = "Mapping[str, object]"  # a part as a table of its parameters


class Parameters:
    """The part of :class:`~multitide.MultiTaskEstimator` that stores its parameters.

    Its documentation describes them. A configuration is checked without the estimator: its parent
    class is scikit-learn's, which takes longer to import than most tables to read.
    """

    @known_arguments
    def __init__(
        self,
        tasks: Sequence[Task | str] | None = None,
        *,
        backbone: str | Backbone | Table = "auto",
        inputs: Inputs | Table | None = None,
        sharing: str | Sharing | Table = "hard",
        weighting: str | Weighting | Table = "uniform",
        aggregator: str | Aggregator | Table | None = None,
        keep: str = "joint",
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        lr: float = 2e-3,
        training: Training | Table | None = None,
        validation: float | Splitter | None = 0.15,
        device: str = "auto",
        random_state: int | None = None,
        verbose: int = 1,
    ) -> None:
        self.tasks = tasks
        self.backbone = backbone
        self.inputs = inputs
        self.sharing = sharing
        self.weighting = weighting
        self.aggregator = aggregator
        self.keep = keep
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.training = training
        self.validation = validation
        self.device = device
        self.random_state = random_state
        self.verbose = verbose


def with_defaults(**given: Any) -> dict[str, Any]:  # Any: parameters have many types
    """Return all parameters by name, as ``get_params(deep=False)`` of the estimator does."""
    return dict(vars(Parameters(**given)))
