"""TorchJD's aggregators that mean something for tasks: for each its parameters and its paper.

Left out: Mean, Sum, Random and Constant are weightings, at the price of a single backward pass;
Krum and TrimmedMean defend against hostile senders; PCD needs its first task in every batch; MoDo
and SDMGrad need two batches a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from multitide.balancing._aggregator import Aggregator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(ge=1)]


@dataclass
class PCGrad(Aggregator):
    """Takes out of each task's gradient what points against another's, in random order [1]_.

    References
    ----------
    .. [1] Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020.
      https://arxiv.org/abs/2001.06782
    """

    torchjd: ClassVar[str] = "PCGrad"


@dataclass
class UPGrad(Aggregator):
    """Projects each task's gradient so that it points against none, and takes their mean [1]_.

    Needs the extra ``balancing``.

    References
    ----------
    .. [1] Quinton, Rey, "Jacobian Descent for Multi-Objective Optimization", 2024.
      https://arxiv.org/abs/2406.16232
    """

    torchjd: ClassVar[str] = "UPGrad"


@dataclass
class DualProj(Aggregator):
    """Projects the mean gradient so that it points against no task's [1]_.

    Needs the extra ``balancing``.

    References
    ----------
    .. [1] Lopez-Paz, Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017.
       https://arxiv.org/abs/1706.08840
    """

    torchjd: ClassVar[str] = "DualProj"


@dataclass
class CAGrad(Aggregator):
    """Near the mean gradient, the direction that helps the worst-off task most [1]_.

    Needs the extra ``balancing``.

    Parameters
    ----------
    at
        See :class:`Aggregator`.
    c : float, default=0.5
        How far from the mean, relative to its length; 0 is the mean.

    References
    ----------
    .. [1] Liu et al., "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS 2021.
       https://arxiv.org/abs/2110.14048
    """

    c: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5

    torchjd: ClassVar[str] = "CAGrad"


@dataclass
class MGDA(Aggregator):
    """The shortest vector between the tasks' gradients, which hurts none [1]_ [2]_.

    It follows the smallest gradient, and stops where that does.

    Parameters
    ----------
    at
        See :class:`Aggregator`.
    epsilon : float, default=0.001
        Step of the solver below which it ends.
    max_iters : int, default=100
        Steps of the solver.

    References
    ----------
    .. [1] Desideri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization",
       Comptes Rendus Mathematique 350, 2012. https://doi.org/10.1016/j.crma.2012.03.014
    .. [2] Sener, Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018.
       https://arxiv.org/abs/1810.04650
    """

    epsilon: Positive = 0.001
    max_iters: PositiveInt = 100

    torchjd: ClassVar[str] = "MGDA"


@dataclass
class IMTLG(Aggregator):
    """The direction whose share along every task's gradient is the same [1]_.

    References
    ----------
    .. [1] Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021.
      https://openreview.net/forum?id=IMPnRXEWpvr
    """

    torchjd: ClassVar[str] = "IMTLG"


@dataclass
class AlignedMTL(Aggregator):
    """Turns and stretches the gradients until they are orthogonal and of one length, and takes their mean [1]_.

    Parameters
    ----------
    at
        See :class:`Aggregator`.
    scale_mode : {"min", "median", "rmse"}, default="min"
        That length: the smallest, the median or the root mean square of the singular values.

    References
    ----------
    .. [1] Senushkin et al., "Independent Component Alignment for Multi-Task Learning", CVPR 2023.
       https://arxiv.org/abs/2305.19000
    """

    scale_mode: Literal["min", "median", "rmse"] = "min"

    torchjd: ClassVar[str] = "AlignedMTL"


@dataclass
class NashMTL(Aggregator):
    """The outcome of a bargain between the tasks [1]_.

    Needs the extra ``balancing``. Its weights do not depend on the gradients' lengths, and it is
    slow.

    Parameters
    ----------
    at
        See :class:`Aggregator`.
    max_norm : float, default=1.0
        Largest norm of the update; 0 for any.
    update_weights_every : int, default=1
        Steps from one bargain to the next.
    optim_niter : int, default=20
        Steps of the solver.

    References
    ----------
    .. [1] Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022.
      https://arxiv.org/abs/2202.01017
    """

    max_norm: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    update_weights_every: PositiveInt = 1
    optim_niter: PositiveInt = 20

    torchjd: ClassVar[str] = "NashMTL"

    @property
    def degree(self) -> None:
        """None: the update's length has a limit."""
        return None

    def parameters(self, n_rows: int) -> dict[str, object]:
        """Return the parameters and the number of tasks."""
        return super().parameters(n_rows) | {"n_tasks": n_rows}


@dataclass
class FairGrad(Aggregator):
    """Shares progress fairly, as bandwidth is shared in a network [1]_.

    Parameters
    ----------
    at
        See :class:`Aggregator`.
    alpha : float, default=1.0
        Kind of fairness: 0 is the mean gradient, 1 the bargain of Nash, and the larger, the more
        the worst-off task counts.

    References
    ----------
    .. [1] Ban, Ji, "Fair Resource Allocation in Multi-Task Learning", ICML 2024.
      https://arxiv.org/abs/2402.15638
    """

    alpha: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    torchjd: ClassVar[str] = "FairGrad"

    @property
    def degree(self) -> float:
        """The weights solve ``gramian @ w = w ** (-1 / alpha)``."""
        return (1 - self.alpha) / (1 + self.alpha)


@dataclass
class GradVac(Aggregator):
    """As PCGrad, towards the cosine that two tasks' gradients had so far [1]_.

    Cosines are remembered by the set of tasks that a batch holds.

    Parameters
    ----------
    at
        See :class:`Aggregator`.
    beta : float, default=0.5
        How fast the remembered cosine follows.

    References
    ----------
    .. [1] Wang et al., "Gradient Vaccine: Investigating and Improving Multi-task Optimization in
       Massively Multilingual Models", ICLR 2021. https://arxiv.org/abs/2010.05874
    """

    beta: Annotated[float, Field(ge=0, le=1)] = 0.5

    torchjd: ClassVar[str] = "GradVac"


@dataclass
class GradDrop(Aggregator):
    """At each parameter one sign is drawn, and gradients of the other sign are dropped [1]_.

    References
    ----------
    .. [1] Chen et al., "Just Pick a Sign: Optimizing Deep Multitask Models with Gradient Sign
       Dropout", NeurIPS 2020. https://arxiv.org/abs/2010.06808
    """

    torchjd: ClassVar[str] = "GradDrop"


@dataclass
class ConFIG(Aggregator):
    """The direction that makes the same angle with every task's gradient [1]_.

    References
    ----------
    .. [1] Liu, Chu, Thuerey, "ConFIG: Towards Conflict-free Training of Physics Informed Neural
       Networks", ICLR 2025. https://arxiv.org/abs/2408.11104
    """

    torchjd: ClassVar[str] = "ConFIG"


@dataclass
class ExcessMTL(Aggregator):
    """Weighs tasks by how far each is from the best that it could reach [1]_.

    Weights are remembered by the set of tasks that a batch holds, and so are sums of squares the
    size of the Jacobian.

    Parameters
    ----------
    at
        See :class:`Aggregator`.
    robust_step_size : float, default=1.0
        How fast the weights move.
    n_warmup_steps : int, default=0
        Steps with uniform weights, which tell how far the tasks are at the start.

    References
    ----------
    .. [1] He et al., "Robust Multi-Task Learning with Excess Risks", ICML 2024.
      https://arxiv.org/abs/2402.02009
    """

    robust_step_size: Positive = 1.0
    n_warmup_steps: Annotated[int, Field(ge=0)] = 0

    torchjd: ClassVar[str] = "ExcessMTL"

    @property
    def degree(self) -> None:
        """None: it compares with the sums of squares so far."""
        return None
