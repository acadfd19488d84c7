"""Make the ONNX graph of a module: batch and time stay open, names are those of the tasks."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.export import Dim

from multitide.errors import MultitideError
from multitide.exporting._description import KEY, Description, output_names
from multitide.exporting._example_inputs import Feed, as_tensors
from multitide.exporting._exported_model import ExportedModel
from multitide.exporting._onnx_quantiles import fill_quantiles, with_onnx_quantiles
from multitide.exporting._onnx_trees import fill_trees, with_onnx_trees
from multitide.exporting._recurrent_cells import OPSET, with_onnx_cells

if TYPE_CHECKING:
    import onnx

# torch takes an axis of length 0 or 1 for a fixed one.
FEWEST = 2
AXES = {0: "batch", 2: "time"}


def make_graph(
    model: ExportedModel, example: Feed, description: Description
) -> onnx.ModelProto:
    """Return the graph of a model.

    Parameters
    ----------
    model : ExportedModel
        What the graph computes.
    example : Feed
        Some inputs, of at least two rows and steps.
    description : dict
        The metadata.

    Raises
    ------
    MultitideError
        If an axis is not open in the graph although it is in the model.
    """
    tensors = dict(zip(Feed._fields, as_tensors(example), strict=True))
    given = {name: value for name, value in tensors.items() if value is not None}
    axes: dict[str, dict[int, object]] = {name: {0: Dim.DYNAMIC} for name in given}
    if model.n_timepoints is None:
        axes["series"][2] = Dim.DYNAMIC
    exportable = copy.deepcopy(model)
    with_onnx_cells(exportable)
    with_onnx_quantiles(exportable)
    forests = with_onnx_trees(exportable)
    outputs = output_names(model.tasks, model.with_interval)
    graph = _exported(exportable, given, axes, outputs)
    graph = fill_quantiles(graph)
    fill_trees(graph, forests)
    _check_axes(graph, model)
    entry = graph.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(description, ensure_ascii=False)
    return graph


def _exported(
    module: nn.Module,
    given: dict[str, torch.Tensor],
    axes: dict[str, dict[int, object]],
    outputs: Sequence[str],
) -> onnx.ModelProto:
    with _quiet_export(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            args=(),
            kwargs=given,
            dynamic_shapes=axes,
            input_names=list(given),
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    graph: onnx.ModelProto = program.model_proto
    return graph


def _check_axes(graph: onnx.ModelProto, model: ExportedModel) -> None:
    """Name the open axes of the series; raise if one is fixed that should not be."""
    (series,) = [each for each in graph.graph.input if each.name == "series"]
    for axis, name in AXES.items():
        size = series.type.tensor_type.shape.dim[axis]
        if axis == 2 and model.n_timepoints is not None:
            continue
        if not size.dim_param:
            raise MultitideError(
                f"The {name} axis of the graph must be open; got {size.dim_value}. "
                "Install the versions of torch and onnxscript in constraints.txt."
            )
        _rename_axis(graph, size.dim_param, name)


def _rename_axis(graph: onnx.ModelProto, old: str, new: str) -> None:
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param == old:
                size.dim_param = new


@contextmanager
def _quiet_export() -> Iterator[None]:
    """Hide what the exporter says of packages that it would like to have."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
