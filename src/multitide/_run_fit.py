"""A whole run from a configuration: read, split, fit, evaluate, and write the run folder."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from multitide._checks import as_path, check_type
from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import FITS_FORMAT, RUN_CONFIG
from multitide._known_arguments import known_arguments
from multitide._open_checkpoint import is_complete, with_stored_seed
from multitide._partial_folder import (
    CHECKPOINT,
    MODEL,
    has_ended_early,
    partial_folder,
    refuse_leftover,
)
from multitide._result_folder import check_can_be_made, replaced_folder, write_file
from multitide._silence import silent_on_request
from multitide._toml import read_toml
from multitide.config._config import Config
from multitide.config._load_config import load_config
from multitide.config._prepare import Prepared, prepare
from multitide.data._data_sets import DataSets
from multitide.data._split_data import SplitData
from multitide.data._write_table import write_table
from multitide.ensemble._ensemble import Ensemble
from multitide.ensemble._held_out_file import remove_held_out
from multitide.ensemble._store import MEMBERS, remove_other_fits, write_ensemble
from multitide.ensemble._with_trees_again import with_trees_again
from multitide.errors import MultitideError, StoreError
from multitide.fitting._recipe import is_auto, make_recipe, resolve_seed
from multitide.model._after_training import against_test
from multitide.model._history import HISTORY, write_history
from multitide.model._model_so_far import ModelSoFar
from multitide.model._prediction import metric_table, prediction_table
from multitide.model._schema import data_record
from multitide.model._store import CARD, write_model
from multitide.model._write_folder import model_card, write_folder
from multitide.reports._model_lines import kept_losses
from multitide.reports._write_run_report import RunReport, write_run_report
from multitide.training._callbacks import Callback

logger = logging.getLogger("multitide")


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run.

    Attributes
    ----------
    folder : Path
        The run folder.
    estimator : MultiTaskEstimator or Ensemble
        The fitted model.
    metrics : DataFrame
        ``estimator.evaluate`` on the test set.
    data : list of SplitData
        The data sets with their training, validation and test sets. Each has a ``name`` ("" for the
        only one), ``samples``, ``split``, ``training_set``, ``validation_set`` and ``test_set``.
    """

    folder: Path
    estimator: MultiTaskEstimator | Ensemble
    metrics: pd.DataFrame
    data: list[SplitData]

    def __repr__(self) -> str:
        """Return the folder and the loss of each task on the test set."""
        losses = []
        for row in self.metrics.query("metric == 'loss'").to_dict("records"):
            data_set = f" of {row['data']}" if "data" in row else ""
            losses.append(f"{row['task']}{data_set} {row['value']:.4g}")
        return f"<Run in {self.folder}: test loss (1 = trivial) {', '.join(losses)}>"


@known_arguments
@silent_on_request
def run_fit(
    config: Config | str | Path,
    folder: str | Path,
    *,
    resume: bool = False,
    verbose: int = 1,
) -> Run:
    """Fit a model as a configuration says, evaluate it on the test set, and write a run folder.

    It does the same as the command ``multitide fit``.

    Parameters
    ----------
    config : Config or path
        A configuration, or its file; see :func:`load_config`.
    folder : path
        The run folder, which must not exist yet. It appears when the run is complete; until then
        there is a folder of that name with ``.partial`` at its end, with the history and the best
        model so far. The run folder holds the model (``model.json``, ``weights.safetensors``),
        ``history.jsonl``, ``metrics.parquet``, ``config.toml``, which repeats the run, and
        ``report.md`` with its ``figures``. With ``members`` in the configuration the model is an
        :class:`Ensemble`: the folder has ``ensemble.json`` and ``members``, and an interrupted run
        continues when the call is repeated.
    resume : bool, default=False
        Continue a run of this name that was killed or has ended early, where its last checkpoint
        was written; see ``training.checkpoint_minutes``. It ends with the same model as an
        undisturbed run. If there is none, a new run begins.
    verbose : int, default=1
        0: silent; 1: a progress bar on a terminal.

    Returns
    -------
    Run
        With ``folder``, ``estimator``, ``metrics`` and ``data``.

    Raises
    ------
    ParameterError
        With every wrong parameter, before anything is read.
    DataError
        With what is wrong with the data, before anything is trained.
    StoreError
        If `folder` exists already or cannot be written, or if `resume` finds another run.

    Examples
    --------
    >>> import multitide as mt
    >>> run = mt.run_fit("multitide.toml", "runs/first")  # doctest: +SKIP
    >>> run.estimator.predict(run.data[0].test_set)  # doctest: +SKIP
    """
    folder = as_path("folder", folder)
    check_type("resume", resume, bool)
    check_place(folder, resume=resume)
    command = f"multitide.run_fit({_as_argument(config)}, {str(folder)!r})"
    if not isinstance(config, Config):
        config = load_config(config)
    if not config.is_ensemble and not resume:
        refuse_leftover(folder)
    check_estimator(config)
    return train_run(prepare(config), folder, command, verbose, resume=resume)


def check_place(folder: Path, name: str = "folder", *, resume: bool) -> None:
    """Raise unless a run can be made in a folder, or continued there."""
    if not (resume and has_ended_early(folder)):
        check_can_be_made(folder, name)


def check_estimator(config: Config) -> None:
    """Raise if a parameter of the estimator is wrong; reading data may take long."""
    if config.is_ensemble:
        config.make_ensemble().check()
    make_recipe(config.make_estimator().get_params(deep=False))


def train_run(
    prepared: Prepared,
    folder: Path,
    command: str,
    verbose: int,
    callbacks: Sequence[Callback] = (),
    *,
    resume: bool = False,
) -> Run:
    """Fit, evaluate and write the run folder.

    Parameters
    ----------
    prepared : Prepared
        The configuration with its data.
    folder : path
        The run folder; must not exist yet. An interrupted run of an ensemble is continued.
    command : str
        What started the run, for the report.
    verbose : int
        As in :func:`run_fit`.
    callbacks : sequence of Callback
        Called at every step of the training of a single model.
    resume : bool, default=False
        As in :func:`run_fit`.
    """
    if prepared.config.is_ensemble:
        return _train_ensemble_run(prepared, folder, command, verbose)
    with partial_folder(folder, resume=resume) as draft:
        estimator = _fit(prepared, draft, verbose, callbacks)
        _write_first(estimator, draft)
        _write_config(prepared.config, estimator.seed_, draft)
        write_folder(
            estimator.stored_, estimator.history_, estimator.pretrain_history_, draft
        )
        metrics = _evaluate(prepared, estimator, command, folder.name, draft)
        write_file(draft / CARD, model_card(estimator.stored_, metrics))
        if is_complete(draft / CHECKPOINT):
            shutil.rmtree(draft / CHECKPOINT)
    return Run(folder, estimator, metrics, prepared.data)


def _write_first(estimator: MultiTaskEstimator, draft: Path) -> None:
    """Write the model before all else; if there is no room in the folder, where temporary files go.

    Nothing that was trained is lost.
    """
    try:
        with replaced_folder(draft / MODEL) as model:
            write_model(estimator.stored_, model)
    except StoreError as error:
        place = Path(tempfile.mkdtemp(prefix="multitide-")) / MODEL
        try:
            estimator.save(place)
        except (OSError, StoreError):
            raise error from None
        message = f"{error} The trained model is in {str(place)!r}."
        raise StoreError(message) from error


def _train_ensemble_run(
    prepared: Prepared, folder: Path, command: str, verbose: int
) -> Run:
    """Fit, evaluate and write a run folder with an ensemble."""
    with partial_folder(folder, keep=[MEMBERS], kind=FITS_FORMAT) as draft:
        ensemble = _fit_ensemble(prepared, draft, verbose)
        write_ensemble(ensemble.result_, draft)
        remove_other_fits(ensemble.result_, draft)
        write_history(ensemble.history_, draft / HISTORY)
        metrics = _evaluate(prepared, ensemble, command, folder.name, draft)
        remove_held_out(draft / MEMBERS)  # last: a run that is killed before needs them
    return Run(folder, ensemble, metrics, prepared.data)


def _fit_ensemble(prepared: Prepared, draft: Path, verbose: int) -> Ensemble:
    """Fit the ensemble; its finished fits are kept in the folder."""
    config = prepared.config
    ensemble = config.make_ensemble(verbose=verbose)
    seed = resolve_seed(ensemble.random_state)
    if ensemble.random_state is None:
        seed = _seed_so_far(draft, seed)
    splits = prepared.splits_of_seeds(ensemble.n_seeds, seed)
    samples = {data.name: data.samples for data in splits[0]}
    members = with_trees_again(ensemble.members_for(samples, prepared.tasks), {})
    _write_config(config, seed, draft)
    return ensemble.fit_splits(
        members,
        prepared.tasks,
        splits,
        seed,
        folder=draft / MEMBERS,
    )


def _seed_so_far(draft: Path, seed: int) -> int:
    """Return the seed of the run that is continued; `seed` if there is none."""
    if not (draft / RUN_CONFIG).is_file():
        return seed
    try:
        return resolve_seed(read_toml(draft / RUN_CONFIG).get("random_state", seed))
    except MultitideError:
        return seed


def _evaluate(
    prepared: Prepared,
    model: MultiTaskEstimator | Ensemble,
    command: str,
    title: str,
    folder: Path,
) -> pd.DataFrame:
    """Write metrics and report into the run folder, and return the metrics of the test set."""
    test_sets = prepared.test_sets
    decoded = model.decode_data_sets(test_sets)
    metrics = metric_table(model.targets_, test_sets, decoded)
    for sentence in against_test(kept_losses(model), metrics):
        logger.warning(sentence)
    predictions = {}
    for name, each in decoded.items():
        predictions[name] = prediction_table(model.targets_, each)
    write_table(metrics, folder / "metrics.parquet")
    report = RunReport(title, command, prepared, model, metrics, predictions, decoded)
    write_run_report(report, folder)
    return metrics


def _write_config(config: Config, seed: int, folder: Path) -> None:
    """Write the configuration that repeats the run."""
    text = config.changed(random_state=seed).to_toml()
    write_file(folder / RUN_CONFIG, text)


def _fit(
    prepared: Prepared, folder: Path, verbose: int, callbacks: Sequence[Callback]
) -> MultiTaskEstimator:
    """Fit the estimator, and write what it has reached so far into the folder."""
    config = prepared.config
    training_sets, validation_sets = prepared.fitting_sets()
    estimator = config.make_estimator(tasks=prepared.tasks, verbose=verbose)
    params = estimator.get_params(deep=False)
    recipe = make_recipe(with_stored_seed(params, folder / CHECKPOINT))
    _write_config(config, recipe.seed, folder)
    (folder / HISTORY).unlink(
        missing_ok=True
    )  # that of the epochs so far is written anew
    estimator.set_params(random_state=recipe.seed)
    if recipe.training.refit == "auto" and is_auto(params["backbone"]):
        # The validation set is held out for this fit only; the report measures on the test set.
        estimator.set_params(training__refit="trees")
    if validation_sets:
        validation = DataSets(validation_sets)
    else:
        validation = None
    so_far = _model_so_far(estimator, prepared, folder)
    calibration = None
    if calibration_sets := prepared.calibration_sets():
        calibration = DataSets(calibration_sets)
    return estimator.fit(
        DataSets(training_sets),
        validation=validation,
        calibration=calibration,
        callbacks=[so_far, *callbacks],
        checkpoint=folder / CHECKPOINT,
    )


def _model_so_far(
    estimator: MultiTaskEstimator, prepared: Prepared, folder: Path
) -> ModelSoFar:
    """Return the callback that writes the model of the best epoch so far."""
    params = estimator.get_params(deep=False)
    model: Path | None = folder / MODEL
    if make_recipe(params).inputs.representation is not None:
        model = None  # the encoder is not known before the end of the fit
    records = []
    for data in prepared.data:
        records.append(data_record(data, prepared.tasks))
    return ModelSoFar(folder, model, params, prepared.tasks, records)


def _as_argument(config: Config | str | Path) -> str:
    if isinstance(config, Config):
        return "config"
    return repr(str(config))
