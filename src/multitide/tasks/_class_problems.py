"""Why the values of a column cannot be the classes of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from multitide.tasks._label_column import Value, shorten

# More distinct values than this, and more than half the number of labels, are more likely to be
# names or numbers than classes.
_MANY_CLASSES = 10


def class_problem(
    values: Sequence[Value],
    n_labelled: int,
    n_classes: int | None,
    of_two: Mapping[str, object],
) -> str:
    """Return what the classes must be, what they are, and a remedy; "" if they can be used.

    Parameters
    ----------
    values : sequence
        The distinct labels.
    n_labelled : int
    n_classes : int or None
        Their number, if the task says it.
    of_two : mapping
        The settings of the task that only two classes have; ``positive`` is one of these.
    """
    if len(values) == 1:
        return (
            "must have at least two classes; "
            f"got only {values[0]!r} in {n_labelled} labels. "
            "Remove it from the tasks, or use samples with other labels."
        )
    if len(values) > max(_MANY_CLASSES, n_labelled / 2):
        return (
            "must have classes that repeat; "
            f"got {len(values)} different values in {n_labelled} labels. "
            "Declare the task as a regression if these are numbers; "
            "otherwise remove it from the tasks."
        )
    if n_classes is not None and len(values) != n_classes:
        return (
            f"must have {n_classes} classes, because `n_classes` is {n_classes}; "
            f"got {len(values)} in {n_labelled} labels: {shorten(values)}. "
            "Change or remove `n_classes`, or use samples with all classes."
        )
    return _problem_of_two(values, of_two)


def _problem_of_two(values: Sequence[Value], of_two: Mapping[str, object]) -> str:
    for name, given in of_two.items():
        if given is not None and len(values) != 2:
            return (
                f"must have two classes with `{name}`; got {len(values)}: "
                f"{shorten(values)}. Remove `{name}`={given!r}."
            )
    positive = of_two.get("positive")
    if positive is not None and str(positive) not in map(str, values):
        return (
            f"must have the class of `positive`, {positive!r}; "
            f"got {shorten(values)}. Change `positive`."
        )
    return ""
