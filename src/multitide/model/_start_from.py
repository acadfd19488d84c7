"""Where training starts: from a fitted model or its folder, unless what was asked of it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multitide._checks import gathering, raise_problems
from multitide.errors import StoreError
from multitide.fitting._fit_model import check_pretrain, check_several
from multitide.fitting._recipe import Recipe
from multitide.fitting._warm_start import Source
from multitide.model._store import StoredModel, load_model


def find_source(
    start: StoredModel | str | Path | None, recipe: Recipe, names: Sequence[str], n_domains: int = 1
) -> Source | None:
    """Return the model that training starts from, None where it starts from nothing.

    Parameters
    ----------
    start : StoredModel or path, optional
        A fitted model, or its folder; without it, what ``training.start`` says.
    recipe : Recipe
    names : sequence of str
        The tasks that are to be learned.
    n_domains : int
        Number of data sets.

    Raises
    ------
    ParameterError
        One sentence for everything that is in the way: a task to pre-train on that is none, a
        folder that holds no model, a part that knows of one data set only.
    """
    problems: list[str] = []
    source = None
    start = recipe.training.start if start is None else start
    with gathering(problems):
        check_several(recipe, n_domains)
    with gathering(problems):
        check_pretrain(recipe, list(names))
    with gathering(problems):
        source = None if start is None else _source(start)
    if start is not None and recipe.inputs.representation is not None:
        problems.append(
            "`training.start` must be left out with `inputs.representation`, whose vectors another model has not "
            "seen. To build on a saved model's features use representation='model:FOLDER'."
        )
    raise_problems(problems)
    return source


def _source(start: Any) -> Source:
    if isinstance(start, StoredModel):
        return Source(start.answers.network_list, start.answers.answered, "the given estimator")
    try:
        stored = load_model(Path(start))
    except StoreError as error:
        raise StoreError(str(error).replace("`folder`", "`training.start`")) from error
    return Source(stored.answers.network_list, stored.answers.answered, str(start))
