"""What a fit of an ensemble predicts for the samples that it held out, beside its model.

The model may have been fitted again on these samples afterwards, so that they have to be predicted
before. The file is read only by the ensemble whose process wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from multitide._result_folder import write_file
from multitide.data._split_data import SplitData
from multitide.errors import StoreError
from multitide.training._decode_samples import Decoded

HELD_OUT = "held_out.safetensors"


def write_held_out(decoded: Mapping[str, Decoded], folder: Path) -> None:
    """Write predictions, by data set and task, into the folder of a model."""
    arrays = {}
    for data_set, by_task in decoded.items():
        for task, values in by_task.items():
            arrays[_key(data_set, task)] = np.ascontiguousarray(values)
    write_file(folder / HELD_OUT, safetensors.numpy.save(arrays))


def read_held_out(folder: Path, data: Sequence[SplitData]) -> dict[str, Decoded]:
    """Return the predictions for the validation samples, by data set and task.

    Raises
    ------
    StoreError
        If the file is missing, damaged, or of other samples.
    """
    path = folder / HELD_OUT
    try:
        arrays = safetensors.numpy.load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path} cannot be read: {error}. Delete {folder}.") from error
    decoded: dict[str, Decoded] = {}
    for each in data:
        own = decoded.setdefault(each.name, {})
        for key, values in arrays.items():
            if key.startswith(_key(each.name, "")):
                if len(values) != len(each.split.validation):
                    raise StoreError(f"{path} is of other samples. Delete {folder}.")
                own[key.removeprefix(_key(each.name, ""))] = values
    return decoded


def remove_held_out(folder: Path) -> None:
    """Remove the files from the folders of fits; a finished ensemble does not need them."""
    for path in folder.glob(f"*/{HELD_OUT}"):
        path.unlink()


def _key(data_set: str, task: str) -> str:
    """Return the name of an array; the length keeps names that contain "/" apart."""
    return f"{len(data_set)}/{data_set}/{task}"
