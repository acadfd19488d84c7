"""Make the profile of the training data, at the end of a fit."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import torch

from multitide.data._recordings import units_of_rows
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.encodings._representation import Encoder
from multitide.errors import MultitideWarning
from multitide.fitting._memory import MOST_PREDICTED
from multitide.model._parts import arrangements
from multitide.model._prediction import decode
from multitide.model._profile import ColumnProfile, TrainingProfile, profile_column
from multitide.model._profile_columns import (
    Column,
    drawn,
    input_columns,
    label_columns,
    prediction_columns,
)
from multitide.model._schema import DataRecord
from multitide.network._network import Predictor
from multitide.tasks import Task


def training_profile(
    data: SplitData,
    record: DataRecord,
    tasks: list[Task],
    predictor: Predictor,
    encoder: Encoder | None,
    device: torch.device,
) -> TrainingProfile:
    """Return what the training set of a data set looks like, and what the model answers.

    The answers are those for the validation set, which the model has not learned by heart; without
    one, for the training set.

    Parameters
    ----------
    data : SplitData
        The data set with its training and validation set.
    record : DataRecord
        What the model stores about it.
    tasks : list of Task
        Of the model.
    predictor, encoder, device
        The fitted model, its representation, and where to compute.
    """
    training_set = data.training_set
    own = [task for task in tasks if task.name in record.tasks]
    used = drawn(training_set)
    columns = profiles(
        [*input_columns(used), *label_columns(used, own)], used, len(training_set)
    )
    answered = data.validation_set
    if not len(answered):
        answered = training_set
    some = drawn(answered, MOST_PREDICTED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultitideWarning)  # training has told already
        decoded = decode(predictor, some, record, device, encoder)
    targets = {task.name: predictor.target(task.name) for task in own}
    answers = prediction_columns(targets, decoded)
    columns += profiles(answers, some, len(answered))
    return TrainingProfile(
        data=record.name, n_samples=len(training_set), columns=columns
    )


def profiles(
    columns: list[Column], samples: Samples, n_samples: int
) -> list[ColumnProfile]:
    """Return the profile of each column of samples, which stand for so many."""
    units = units_of_rows(samples, np.arange(len(samples)))
    codes = pd.factorize(pd.Series(units))[0]
    arranged = arrangements(codes)
    found = []
    for source, name, kind, values in columns:
        found.append(profile_column(source, name, kind, values, n_samples, arranged))
    return found
