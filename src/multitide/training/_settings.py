"""How a network is trained: the settings beyond learning rate, batch size and epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from multitide._part import Part


@dataclass
class Training(Part):
    """How the network is trained, beyond the learning rate, the batch size and the number of epochs.

    Parameters
    ----------
    weight_decay : float, default=0.01
        AdamW's decoupled weight decay, on weights of two or more axes only (not on biases and batch
        norm).
    schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        The learning rate over ``max_epochs``.
    patience : int or None, default=10
        Epochs without a better validation loss after which the learning rate cools down to zero and
        training ends.
    clip_norm : float or None, default=1.0
        The gradient's norm is clipped to this.
    averaging : float or None, default=None
        Decay of an exponential moving average of the weights, which is then what is validated and
        kept.
    order : {"label_aware", "shuffle"}, default="label_aware"
        ``label_aware`` spreads each task's labelled rows evenly over an epoch; both draw each row
        once.
    mixing : {"size", "equal", "temperature"}, default="size"
        With several data sets, the share of each in every batch: by its training rows, all alike,
        or by its rows to the power of 1 / `temperature`. An epoch has as many rows as all data sets
        together; each data set draws all of its rows before any comes again.
    temperature : float, default=2.0
        From 1, which is "size", towards infinity, which is "equal".
    refit : bool, default=False
        Train once more on all rows, those of the validation part too, for the epochs that
        validation chose. Figures that were measured before it stay what they are: those of the
        first run.
    pretrain : tuple of str, default=()
        Tasks that the network learns first, by themselves; then it is fine-tuned on all, keeping
        their heads.
    start : str, optional
        Folder of a saved model whose backbone is where training starts; its heads are dropped.
    freeze : {"auto", "nothing", "backbone", "gradual"} or int, default="auto"
        What stays as it is in fine-tuning: nothing; the whole backbone, so that only heads learn;
        all blocks but the last n; or "gradual", which starts with the heads and thaws a block at a
        time from the top, lower blocks at lower rates. "auto": nothing, unless there are
        pre-trained weights; then the depth is chosen on validation where there are enough labels,
        and only the heads learn where there are not.
    record_gradients : int, optional
        Sample every so many steps the norms of the tasks' gradients at the shared parameters, and
        the cosines between them, for the history; see :class:`multitide.GradientRecorder`. A
        sampled step costs a pass back a task more: with an LSTM 2.0, 2.6 and 4.0 times a plain step
        for 2, 4 and 8 tasks, so that every tenth costs 10, 16 and 30 % of a run. None: nothing is
        recorded.
    """

    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    patience: Annotated[int, Field(ge=1)] | None = 10
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    averaging: Annotated[float, Field(gt=0, lt=1)] | None = None
    order: Literal["label_aware", "shuffle"] = "label_aware"
    mixing: Literal["size", "equal", "temperature"] = "size"
    temperature: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    refit: bool = False
    pretrain: tuple[str, ...] = ()
    start: str | None = None
    freeze: Literal["auto", "nothing", "backbone", "gradual"] | Annotated[int, Field(ge=1)] = "auto"
    record_gradients: Annotated[int, Field(ge=1)] | None = None
