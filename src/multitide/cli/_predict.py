"""``multitide predict``: answer every task for new data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from multitide._estimator import MultiTaskEstimator
    from multitide.data._samples import Samples
from multitide.cli._arguments import (
    Data,
    Name,
    Run,
    check_output,
    read_model_and_data,
    write_output,
)


def predict(
    run: Run,
    data: Data,
    output: Annotated[Path, typer.Option(help="Write the predictions, .csv or .parquet.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="The second table, where the model needs static inputs from it."),
    ] = None,
    name: Name = None,
) -> None:
    """Answer every task for every sample: series, time of the sample's last row, answers, class probabilities."""
    from multitide.cli._terminal import say

    check_output(output)
    estimator, known, samples = read_model_and_data(run, data, labels, name, need_labels=False)
    table = predictions(estimator, samples, known)
    write_output(table, output)
    say(
        f"Written: [bold]{output}[/], {len(table)} rows; columns: {', '.join(map(str, table.columns))}"
    )


def predictions(estimator: MultiTaskEstimator, samples: Samples, data: str = "") -> pd.DataFrame:
    """Return one row a sample: which one it is, every answer, ``p(task=class)``, ``p(label)`` and ``q(task=level)``."""
    import pandas as pd

    answers, shares = estimator.predict({data: samples}), estimator.predict_proba({data: samples})
    which = pd.DataFrame({"series": samples.series})
    if samples.time is not None:
        which["time"] = samples.time
    probabilities = [
        frame.set_axis(
            [
                f"p({name}={value})" if (name := frame.columns.name) else f"p({value})"
                for value in frame
            ],
            axis=1,
        )
        for frame in shares[data].values()
    ]
    quantiles = [
        frame.set_axis([f"q({task}={level:g})" for level in frame.columns], axis=1)
        for task, frame in estimator.predict_quantiles({data: samples})[data].items()
    ]
    return pd.concat([which, answers[data], *probabilities, *quantiles], axis=1)
