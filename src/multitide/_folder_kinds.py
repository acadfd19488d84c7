"""The kinds of result folders: how one is recognised, what it is called, and what reads it."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

MARKER = ".multitide.json"
PARTIAL_SUFFIX = ".partial"  # of the folder of a run that is not complete
RUN_CONFIG = "config.toml"
STUDY_CONFIG = "recommended.toml"  # of what a study recommends
MODEL_FORMAT, MODEL_FILE = "multitide", "model.json"
ENSEMBLE_FORMAT, ENSEMBLE_FILE = "multitide ensemble", "ensemble.json"
# The kinds of results that grow, as their records and markers call them.
STUDY_FORMAT, STUDIES_FORMAT = "multitide study", "multitide studies"
CURVE_FORMAT, SEARCH_FORMAT = "multitide label curve", "multitide search"
FITS_FORMAT = "multitide fits of an ensemble"
# The record of each kind of folder: it is there once the results are complete. A folder whose
# hidden marker was lost while it was copied is known by its record.
RECORDS = {
    STUDY_FORMAT: "study.json",
    STUDIES_FORMAT: "studies.json",
    CURVE_FORMAT: "curve.json",
    SEARCH_FORMAT: "search.json",
    FITS_FORMAT: "fits.json",
}
# What messages call them.
IN_WORDS = {
    STUDY_FORMAT: "a study",
    STUDIES_FORMAT: "studies of several data sets",
    CURVE_FORMAT: "a label curve",
    SEARCH_FORMAT: "a search",
    FITS_FORMAT: "fits of an ensemble",
}
READ_BY = {
    STUDY_FORMAT: "multitide.Comparison.load reads it, and `multitide fit` takes it",
    STUDIES_FORMAT: "multitide.Comparisons.load reads them",
    CURVE_FORMAT: "multitide.LabelCurve.load reads it",
    FITS_FORMAT: "multitide.Ensemble.fit(folder=...) continues them",
    SEARCH_FORMAT: "`multitide tune` continues it, and `multitide fit` takes its best.toml",
}
ENCODER_SUFFIX = ".safetensors"


def kind_of(folder: Path, kinds: Collection[str] = tuple(RECORDS)) -> str | None:
    """Return the kind of growing results that a folder holds; None if it is not one of ours."""
    for kind in kinds:
        if kind in (_format_of(folder / MARKER), _format_of(folder / RECORDS[kind])):
            return kind
    return None


def is_ensemble(folder: Path) -> bool:
    """Return whether a folder holds an ensemble."""
    return (folder / ENSEMBLE_FILE).is_file()


def what_it_is(path: Path) -> str:
    """Return a sentence on what a path is that was taken for something else; "" if unknown.

    It begins with a blank, to follow another sentence.
    """
    if not path.exists():
        return " There is no such folder."
    if not path.is_dir():
        if path.suffix == ENCODER_SUFFIX:
            return (
                " It is a file; "
                "multitide.representations.load_encoder "
                "reads a stored representation."
            )
        return " It is a file."
    if _is_model(path):
        return " It holds a model: multitide.load reads it."
    kind = kind_of(path)
    if kind is not None:
        return f" It holds {IN_WORDS[kind]}: {READ_BY[kind]}."
    for inner in sorted(path.iterdir()):
        if _is_model(inner):
            return f" Did you mean {str(inner)!r}?"
    return ""


def own_folder(folder: Path) -> str | None:
    """Return what a folder of ours is, and how it is used; None for any other folder.

    Parameters
    ----------
    folder : path
        Was named where a table or a configuration is needed.

    Returns
    -------
    str or None
        The end of a sentence about the folder, and a remedy: ``"is a run folder ... . Use ..."``.
    """
    config = folder / RUN_CONFIG
    if folder.name.endswith(PARTIAL_SUFFIX):
        return f"is the folder of an unfinished run. Repeat it with `multitide fit {config}`."
    if _is_model(folder) and config.is_file():
        return (
            "is a run folder of `multitide fit`. "
            f"Use it with `multitide predict {folder} DATA`, "
            f"or repeat it with `multitide fit {config}`."
        )
    if _is_model(folder):
        return (
            "is a saved model. "
            f"Use it with `multitide predict {folder} "
            "DATA`, or in Python with multitide.load."
        )
    kind = kind_of(folder)
    if kind is None:
        return None
    return f"holds {IN_WORDS[kind]}: {READ_BY[kind]}."


def _is_model(folder: Path) -> bool:
    if _format_of(folder / ENSEMBLE_FILE) == ENSEMBLE_FORMAT:
        return True
    return _format_of(folder / MODEL_FILE) == MODEL_FORMAT


def _format_of(record: Path) -> object:
    """Return the ``format`` of a record; None if it is not one that can be read."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(content, dict):
        return content.get("format")
    return None
