"""TorchJD's aggregators by name: one adapter, and a table of those that are meant for tasks.

Any other aggregator of ``torchjd.aggregation`` whose parameters are plain values is found by its
name. Those that average or draw weights cost a backward pass per task; the weightings `mean`,
`uniform` and `random` do the same in a single pass. PCD's primary task is the first in a batch.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Annotated, ClassVar, Literal, get_args, get_type_hints

from pydantic import Field
from torch import nn

from multitide._require_extra import missing_extra
from multitide.balancing._adapt_torchjd import (
    NotNegative,
    Parameter,
    Positive,
    PositiveInt,
    adapt,
)
from multitide.balancing._aggregator import Aggregator
from multitide.errors import ParameterError

PLAIN = (int, float, str, bool)  # types of parameters that a configuration can hold


@dataclass
class TorchJDAggregator(Aggregator):
    """An aggregator of TorchJD; the classes in ``AGGREGATORS`` say which one.

    Parameters
    ----------
    at
        See :class:`Aggregator`.
    """

    # The class of torchjd.aggregation.
    torchjd: ClassVar[str]

    @property
    def degree(self) -> float | None:
        """See :attr:`Aggregator.degree`; None for aggregators that the table does not list."""
        # Its weights solve ``gramian @ w = w ** (-1 / alpha)``.
        if self.torchjd == "FairGrad":
            alpha: float = self.get_params()["alpha"]
            return (1 - alpha) / (1 + alpha)
        if self.torchjd in HOMOGENEOUS:
            return 1.0
        return None

    def make(self, n_rows: int) -> nn.Module:
        """Return TorchJD's aggregator for a Jacobian with this number of rows.

        Raises
        ------
        MissingDependencyError
            If it needs a package that is not installed.
        ParameterError
            If TorchJD refuses a parameter.
        """
        values = {}
        for f in fields(self):
            if f.name != "at":
                values[f.name] = getattr(self, f.name)
        if self.torchjd == "NashMTL":
            values["n_tasks"] = n_rows
        try:
            made: nn.Module = getattr(_torchjd(), self.torchjd)(**values)
        except ImportError as error:
            raise missing_extra("balancing", f"`aggregator` {self.torchjd}") from error
        except ValueError as error:
            raise ParameterError(
                "`aggregator` must have "
                "parameters that TorchJD accepts; "
                f"got {self!r}. {error}"
            ) from error
        return made

    # The classes are not attributes of a module, where pickle would look for them.
    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self.torchjd, self.get_params(deep=False))


class Aggregators(dict[str, type[Aggregator]]):
    """Aggregators by name; one of TorchJD's that is not listed is added when it is looked up."""

    def __missing__(self, name: str) -> type[Aggregator]:
        """Look for a name that differs only in case and underscores, here and in TorchJD."""
        key = _without_case(name)
        for known, aggregator in self.items():
            if _without_case(known) == key:
                return aggregator
        for torchjd in _torchjd().__all__:
            if _without_case(torchjd) == key:
                parameters = _plain_parameters(getattr(_torchjd(), torchjd))
                adapted = adapt(
                    TorchJDAggregator, torchjd, f"{torchjd} of TorchJD.", **parameters
                )
                self[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", torchjd).lower()] = adapted
                return adapted
        raise KeyError(name)


def _torchjd() -> ModuleType:
    """Import TorchJD's aggregators, which takes a second, when the first of them is used."""
    return importlib.import_module("torchjd.aggregation")


def _without_case(name: str) -> str:
    return name.replace("_", "").lower()


def _plain_parameters(torchjd: type[nn.Module]) -> dict[str, Parameter]:
    """Return the parameters that are plain values; raise KeyError if another one is required."""
    if inspect.isabstract(torchjd) or not issubclass(torchjd, _torchjd().Aggregator):
        raise KeyError(torchjd.__name__)
    hints = get_type_hints(torchjd.__init__)
    plain: dict[str, Parameter] = {}
    for name, parameter in inspect.signature(torchjd).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        types = []
        for each in (hints[name], *get_args(hints[name])):
            if each in PLAIN:
                types.append(each)
        if types:
            if required:
                plain[name] = (types[0],)
            else:
                plain[name] = (types[0], parameter.default)
        elif required:
            raise KeyError(torchjd.__name__)
    return plain


def _restore(torchjd: str, values: dict[str, object]) -> Aggregator:
    make: Callable[..., Aggregator] = AGGREGATORS[torchjd]
    return make(**values)


def _adapt(
    torchjd: str, what: str, *papers: str, **parameters: Parameter
) -> type[Aggregator]:
    return adapt(TorchJDAggregator, torchjd, what, *papers, **parameters)


AGGREGATORS = Aggregators(
    pcgrad=_adapt(
        "PCGrad",
        "Removes from each gradient what conflicts with another task's, in random order.",
        'Yu et al., "Gradient Surgery for '
        'Multi-Task Learning", NeurIPS 2020. '
        "https://arxiv.org/abs/2001.06782",
    ),
    upgrad=_adapt(
        "UPGrad",
        "Projects each gradient so that it conflicts "
        "with no task's, and averages them. "
        "Needs the extra ``balancing``.",
        'Quinton, Rey, "Jacobian Descent for '
        'Multi-Objective Optimization", 2024. '
        "https://arxiv.org/abs/2406.16232",
    ),
    dualproj=_adapt(
        "DualProj",
        "Projects the mean gradient so "
        "that it conflicts with no task's. "
        "Needs the extra ``balancing``.",
        'Lopez-Paz, Ranzato, "Gradient Episodic Memory '
        'for Continual Learning", NeurIPS 2017. '
        "https://arxiv.org/abs/1706.08840",
    ),
    cagrad=_adapt(
        "CAGrad",
        "Takes the direction near the mean gradient "
        "that helps the worst-off task most. "
        "Needs the extra ``balancing``.",
        'Liu et al., "Conflict-Averse Gradient Descent '
        'for Multi-task Learning", NeurIPS 2021. '
        "https://arxiv.org/abs/2110.14048",
        c=(NotNegative, 0.5),
    ),
    mgda=_adapt(
        "MGDA",
        "Takes the shortest vector in the convex hull "
        "of the gradients, which conflicts with none. "
        "It follows the smallest gradient, "
        "and stops where that one vanishes.",
        'Desideri, "Multiple-gradient descent algorithm '
        '(MGDA) for multiobjective optimization", '
        "Comptes Rendus Mathematique 350, 2012. "
        "https://doi.org/10.1016/j.crma.2012.03.014",
        'Sener, Koltun, "Multi-Task Learning as '
        'Multi-Objective Optimization", NeurIPS 2018. '
        "https://arxiv.org/abs/1810.04650",
        epsilon=(Positive, 0.001),
        max_iters=(PositiveInt, 100),
    ),
    imtl_g=_adapt(
        "IMTLG",
        "Takes the direction with the same projection onto every task's gradient.",
        'Liu et al., "Towards Impartial '
        'Multi-task Learning", ICLR 2021. '
        "https://openreview.net/forum?id=IMPnRXEWpvr",
    ),
    aligned_mtl=_adapt(
        "AlignedMTL",
        "Makes the gradients orthogonal and equally long, and averages them.",
        'Senushkin et al., "Independent Component '
        'Alignment for Multi-Task Learning", CVPR 2023. '
        "https://arxiv.org/abs/2305.19000",
        scale_mode=(Literal["min", "median", "rmse"], "min"),
    ),
    nash_mtl=_adapt(
        "NashMTL",
        "Takes the solution of Nash's "
        "bargaining problem between the tasks. "
        "Needs the extra ``balancing``, and is slow.",
        'Navon et al., "Multi-Task Learning '
        'as a Bargaining Game", ICML 2022. '
        "https://arxiv.org/abs/2202.01017",
        max_norm=(NotNegative, 1.0),
        update_weights_every=(PositiveInt, 1),
        optim_niter=(PositiveInt, 20),
    ),
    fairgrad=_adapt(
        "FairGrad",
        "Shares progress fairly between the "
        "tasks, as networks share bandwidth. "
        "With `alpha` 0 it gives the mean gradient; "
        "the larger it is, the more the worst-off task counts.",
        'Ban, Ji, "Fair Resource Allocation '
        'in Multi-Task Learning", ICML 2024. '
        "https://arxiv.org/abs/2402.15638",
        alpha=(NotNegative, 1.0),
    ),
    gradvac=_adapt(
        "GradVac",
        "Works as PCGrad, but towards a moving average of the cosine between two gradients.",
        'Wang et al., "Gradient Vaccine: '
        "Investigating and Improving Multi-task Optimization "
        'in Massively Multilingual Models", ICLR 2021. '
        "https://arxiv.org/abs/2010.05874",
        beta=(Annotated[float, Field(ge=0, le=1)], 0.5),
    ),
    graddrop=_adapt(
        "GradDrop",
        "Draws one sign per parameter, and drops gradients of the other sign.",
        'Chen et al., "Just Pick a Sign: '
        "Optimizing Deep Multitask Models with "
        'Gradient Sign Dropout", NeurIPS 2020. '
        "https://arxiv.org/abs/2010.06808",
    ),
    config=_adapt(
        "ConFIG",
        "Takes the direction that makes the same angle with every task's gradient.",
        'Liu, Chu, Thuerey, "ConFIG: '
        "Towards Conflict-free Training of Physics "
        'Informed Neural Networks", ICLR 2025. '
        "https://arxiv.org/abs/2408.11104",
    ),
    excess_mtl=_adapt(
        "ExcessMTL",
        "Weights tasks by their excess risk, the distance from their lowest possible loss.",
        'He et al., "Robust Multi-Task Learning '
        'with Excess Risks", ICML 2024. '
        "https://arxiv.org/abs/2402.02009",
        robust_step_size=(Positive, 1.0),
        n_warmup_steps=(Annotated[int, Field(ge=0)], 0),
    ),
)

# Twice as long gradients give twice as long an update: not where its length is limited (Nash-MTL),
# nor where past gradients count (ExcessMTL). FairGrad has a degree of its own.
_OTHERS = {"NashMTL", "ExcessMTL", "FairGrad"}
HOMOGENEOUS = {each.__name__ for each in AGGREGATORS.values()} - _OTHERS
