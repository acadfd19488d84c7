"""Export a fitted model as an ONNX file."""

from __future__ import annotations

import logging
from pathlib import Path

from multitide._checks import as_path, check_type
from multitide._require_extra import require_extra
from multitide._require_fitted import require_fitted
from multitide._result_folder import writable, write_file
from multitide.errors import ParameterError, StoreError
from multitide.exporting._check_graph import check_graph
from multitide.exporting._description import describe_exported
from multitide.exporting._example_inputs import example_inputs
from multitide.exporting._exported_model import ExportedModel
from multitide.exporting._make_graph import FEWEST, make_graph
from multitide.exporting._quantised import quantised
from multitide.model._fitted_model import FittedModel
from multitide.model._table_record import named_record
from multitide.network._forest import forests_of

logger = logging.getLogger("multitide")

SUFFIX = ".onnx"


def export(
    model: FittedModel,
    path: str | Path,
    *,
    data_set: str | None = None,
    int8: bool = False,
) -> Path:
    """Write a fitted model as an ONNX file, from raw series to predictions.

    The graph imputes, scales, encodes, predicts and decodes. Its inputs are ``series`` (batch,
    channels, time) with NaN for missing values, ``lengths`` (batch,), the number of valid steps of
    each series, and ``static`` if the model reads static inputs. It has one output per task:
    probabilities, or numbers in the units of the labels. ``metadata_props["multitide"]`` says in
    JSON what they mean. The file is written only if it predicts what the model predicts.

    Parameters
    ----------
    model : MultiTaskEstimator or Ensemble
        A fitted model; see :func:`multitide.load`.
    path : path
        A file that does not exist yet, with the suffix .onnx.
    data_set : str, optional
        Which data set's tasks and channels, for a model fitted on several.
    int8 : bool, default=False
        Round the weights to int8, which makes the file smaller and its predictions less exact.

    Returns
    -------
    path
        The file.

    Raises
    ------
    MissingDependencyError
        If a package that it needs is not installed; ``pip install "multitide[onnx]"``.
    ParameterError
        If the model cannot be exported, or the data set is unknown.
    StoreError
        If the file exists already or cannot be written.
    MultitideError
        If the graph does not predict what the model predicts.
    """
    require_extra("onnx", "Writing ONNX files")
    check_type("model", model, FittedModel, "Give a fitted estimator.")
    require_fitted(model, "tasks_")
    path = as_path("path", path)
    check_type("int8", int8, bool)
    _check_new(path)
    record = named_record(model.data_, data_set, "`data_set`")
    exported = ExportedModel(model, record)
    example = example_inputs(
        exported, FEWEST + 1, max(record.n_timepoints, exported.shortest, FEWEST)
    )
    graph = make_graph(exported, example, describe_exported(exported, record))
    compared = check_graph(graph, exported, record)
    if forests_of(exported):
        logger.info(
            "%d of %d compared rows reach another leaf of a tree.",
            compared.n_other,
            compared.n_rows,
        )
    if int8:
        graph = quantised(graph)
    with writable(path, "path"):
        write_file(path, graph.SerializeToString())
    return path


def _check_new(path: Path) -> None:
    """Raise unless a new ONNX file can be written there, before any work is done."""
    if path.suffix != SUFFIX:
        raise ParameterError(
            f"`path` must end with {SUFFIX}; got {str(path)!r}. Choose another name."
        )
    if path.exists():
        raise StoreError(
            f"`path` must not exist yet; {str(path)!r} does. Choose another name."
        )
    if not path.parent.is_dir():
        raise StoreError(
            "`path` must be in an existing folder; "
            f"{str(path.parent)!r} does not exist. Make it first."
        )
