"""``torchrun -m multitide fit``: one run that several processes train."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multitide.config._config import Config


def fit_together(
    config: Config,
    fit: Callable[[Config, Path | None], object],
    output: Path | None,
    *,
    resume: bool,
) -> None:
    """Fit in all processes that torchrun started, or in this one alone.

    The first process shows and writes everything; what the others write is thrown away.

    Parameters
    ----------
    config : Config
        Of the run.
    fit : callable
        Makes a run of a configuration in a folder, and shows it.
    output : path or None
        The folder.
    resume : bool
        Whether a run is taken up, which one process does alone.
    """
    from multitide._together import started_together, together
    from multitide.errors import ParameterError
    from multitide.fitting._recipe import resolve_seed

    if not started_together():
        fit(config, output)
        return
    if config.is_ensemble:
        raise ParameterError(
            "`members` must be left out in several processes, which train one network; "
            "got an ensemble. Start it without torchrun: it fits its members in parallel."
        )
    if resume:
        raise ParameterError(
            "`--resume` must be left out in several processes, of which only the first has a "
            "checkpoint. Start it without torchrun: it trains on in one process."
        )
    with together() as group:
        seed = group.of_first(resolve_seed(config.estimator.get("random_state")))
        config = config.changed(random_state=seed)
        if group.rank == 0:
            fit(config, output)
            return
        with (
            tempfile.TemporaryDirectory() as place,
            open(os.devnull, "w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            fit(config, Path(place) / "run")
