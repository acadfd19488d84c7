"""The model that training starts from, if any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from multitide._checks import as_path, gathering, raise_problems
from multitide.errors import StoreError
from multitide.fitting._fit_model import check_pretrain, check_several
from multitide.fitting._recipe import Recipe
from multitide.fitting._warm_start import Source
from multitide.model._store import StoredModel, load_model


def find_source(
    start: StoredModel | str | Path | None,
    recipe: Recipe,
    names: Sequence[str],
    n_data_sets: int = 1,
) -> Source | None:
    """Return the model that training starts from; None if training starts from scratch.

    Parameters
    ----------
    start : StoredModel or path, optional
        A fitted model, or its folder; ``training.start`` by default.
    recipe : Recipe
        The resolved parameters of the estimator.
    names : sequence of str
        The tasks to train.
    n_data_sets : int
        Number of data sets.

    Raises
    ------
    ParameterError
        With every problem: an unknown task to pre-train on, a folder without a model, a part that
        supports only one data set.
    """
    problems: list[str] = []
    source = None
    if start is None:
        start = recipe.training.start
    with gathering(problems):
        check_several(recipe, n_data_sets)
    with gathering(problems):
        check_pretrain(recipe, list(names))
    with gathering(problems):
        if start is None:
            source = None
        else:
            source = _source(start)
    if start is not None and recipe.inputs.representation is not None:
        problems.append(
            "`training.start` must be left out "
            "with `inputs.representation`, whose "
            "vectors another model has not seen. "
            "To build on a saved model's features "
            "use representation='model:FOLDER'."
        )
    raise_problems(problems)
    return source


def _source(start: StoredModel | str | Path) -> Source:
    if isinstance(start, StoredModel):
        return Source(start.predictor, "the given estimator")
    try:
        stored = load_model(as_path("start", start))
    except StoreError as error:
        raise StoreError(str(error).replace("`folder`", "`training.start`")) from error
    return Source(stored.predictor, str(start))
