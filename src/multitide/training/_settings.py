"""The settings of training besides learning rate, batch size and epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from multitide._part import Part
from multitide.errors import ParameterError


@dataclass
class Training(Part):
    """Settings of training besides the learning rate, the batch size and the number of epochs.

    Parameters
    ----------
    weight_decay : float, default=0.01
        Decoupled weight decay of AdamW. It applies to parameters with two or more dimensions, not
        to biases and batch norm.
    schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        The learning rate over ``max_epochs``.
    patience : int, "auto" or None, default="auto"
        Epochs without a better validation loss after which the learning rate cools down to zero and
        training ends. "auto" is a fifth of ``max_epochs``, and at least 10. None: training never
        ends early.
    clip_norm : float or None, default=1.0
        The norm to which the gradient is clipped. None: no clipping.
    averaging : float or None, default=None
        Decay of an exponential moving average of the weights, which is then validated and kept
        instead of the weights. None: no averaging.
    order : {"label_aware", "shuffle"}, default="label_aware"
        ``label_aware`` spreads the labelled rows of each task evenly over an epoch. Both use each
        row once.
    mixing : {"size", "equal", "temperature"}, default="size"
        With several data sets, the share of each in every batch: proportional to its number of
        training rows, equal, or proportional to that number to the power of 1 / `temperature`. An
        epoch has as many rows as all data sets together. Each data set uses all of its rows before
        any is repeated.
    temperature : float, default=2.0
        For "temperature": 1 is the same as "size"; the larger, the closer to "equal".
    refit : {"auto", "trees"} or bool, default="auto"
        What is fitted again on the training and the validation set, with the choices that the
        validation set has made. True: everything; a network is trained for the chosen number of
        epochs. "trees": only trees and linear heads that are solved, which takes seconds. "auto":
        those of ``backbone="auto"``, unless you give validation samples of your own to ``fit``,
        which then stay unseen. Metrics on the validation set, weights, calibration and thresholds
        remain those of the first fit.
    pretrain : tuple of str, default=()
        Tasks to train first, without the others. The network is then fine-tuned on all tasks and
        keeps the heads of the first.
    start : str, optional
        Folder of a saved model. Training starts from its backbone; its heads are dropped.
    freeze : {"auto", "nothing", "backbone", "gradual"} or int, default="auto"
        What is frozen in fine-tuning: nothing; the whole backbone, so that only the heads are
        trained; all blocks except the last n; or "gradual", which starts with the heads and
        unfreezes one block at a time from the top, lower blocks with lower learning rates. "auto"
        freezes nothing unless there are pre-trained weights. With pre-trained weights, it chooses
        the depth on the validation set if there are enough labels, and trains only the heads
        otherwise.
    finish : {"none", "per_task"}, default="none"
        "per_task": after the joint training, each task trains a copy of the network further on its
        own labelled rows [1]_, for a quarter of the epochs with a tenth of the learning rate. The
        copy predicts the task if its validation loss is lower.
    record_gradients : int, optional
        Interval, in steps, at which the norms of the tasks' gradients at the shared parameters and
        the cosines between them are recorded in the history; see
        :class:`multitide.GradientRecorder`. A recorded step needs one more backward pass per task:
        with an LSTM it takes 2.0, 2.6 and 4.0 times as long as a plain step for 2, 4 and 8 tasks,
        so that recording every tenth step adds 10, 16 and 30 % to a run. None: nothing is recorded.
    checkpoint_minutes : float, default=5.0
        Time between two checkpoints of a fit that keeps them: that of a run, or of a call with
        ``checkpoint=FOLDER``. A training or the trees of a task are kept at their end in any case.
    precision : {"float32", "bf16", "auto"}, default="float32"
        "bf16": the backbone multiplies in bfloat16 in training steps, which has about three digits,
        and is fast on processors that have it. Weights, inputs, heads, losses, validation and
        predictions stay float32, and so do recurrent layers on the CPU. "auto" uses it where the
        processor has it and the losses and gradients of the first steps agree with float32. The
        gain has not been measured on such a processor; see docs/guide/speed.md.
    graph : "auto" or bool, default=False
        Whether whole steps are recorded as CUDA graphs and replayed, which needs fewer calls per
        step and gives the same results up to rounding. "auto" does so on a GPU unless a step
        needs the CPU: with an `aggregator`, the weighting "random" or "famo", recorded gradients,
        or callbacks that read the losses of each step. It leaves out parts of your own; True
        includes them, and is refused where a step cannot be recorded. Not yet tried on a GPU, and
        therefore off by default.

    calibrate : {"auto", "intervals", "none"}, default="auto"
        "auto": probabilities are calibrated on the calibration set, or on the validation set where
        there is none: by temperature for several classes, by Platt's curve or isotonic regression
        for two classes and for each label of a multi-label task. A task is calibrated only if its
        log loss, on folds that the calibrator was not fitted to, falls by more than the standard
        error of its fall. Calibrated probabilities of a task with ``class_weight`` are those of
        unweighted labels (several classes are shifted for that), and its classes are predicted by
        probability times weight. The same samples give the scores that `predict_interval` needs.
        "intervals": only these scores; probabilities stay as trained. "none": neither.

    References
    ----------
    .. [1] McDermott et al., "A comprehensive EHR timeseries pre-training benchmark", CHIL 2021.
       https://arxiv.org/abs/2007.10185
    """

    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    patience: Annotated[int, Field(ge=1)] | Literal["auto"] | None = "auto"
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    averaging: Annotated[float, Field(gt=0, lt=1)] | None = None
    order: Literal["label_aware", "shuffle"] = "label_aware"
    mixing: Literal["size", "equal", "temperature"] = "size"
    temperature: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    refit: Literal["auto", "trees"] | bool = "auto"
    pretrain: tuple[str, ...] = ()
    start: str | None = None
    freeze: (
        Literal["auto", "nothing", "backbone", "gradual"] | Annotated[int, Field(ge=1)]
    ) = "auto"
    finish: Literal["none", "per_task"] = "none"
    record_gradients: Annotated[int, Field(ge=1)] | None = None
    checkpoint_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    precision: Literal["float32", "bf16", "auto"] = "float32"
    graph: Literal["auto"] | bool = False
    calibrate: Literal["auto", "intervals", "none"] = "auto"

    def check(self, name: str = "") -> None:
        """Raise :class:`ParameterError` with every problem, also of settings that clash."""
        super().check(name)
        if self.refit is True and self.finish != "none":
            raise ParameterError(
                f"`{name or 'Training'}.finish` must be 'none' with refit=True, "
                "which leaves no validation set to choose by; "
                f"got {self.finish!r}."
            )
