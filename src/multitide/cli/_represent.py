"""``multitide represent``: a vector of each series, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multitide.data._samples import Samples
    from multitide.data._splits import Split


def represent(
    source: Annotated[
        Path, typer.Argument(help="A configuration (.toml) or a data file (.csv, .parquet, .ts).")
    ],
    output: Annotated[Path, typer.Option(help="Write the vectors, .parquet or .csv.")],
    representation: Annotated[
        str | None,
        typer.Option(help="minirocket, ts2vec or model:RUN; without it the configuration's."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="A label column, to come along; once for each.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A second table with the labels, one row a series.")
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(help="An input column; without it all numbers that are no label are."),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="A column to leave out.")] = None,
    series: Annotated[
        str | None, typer.Option(help="The column that says which recording a row belongs to.")
    ] = None,
    time: Annotated[
        list[str] | None, typer.Option(help="The time column, or several: year, month, ...")
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Rows in a sample; without it a sample is a whole series.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="Rows from one window's start to the next one's.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="How to hold out: time, group or random.")
    ] = None,
) -> None:
    """Write one vector a sample: series, time, part of the split, labels, and the entries f0, f1, ...

    The representation learns from the training part only.
    """
    from multitide.cli._arguments import check_output, write_output
    from multitide.cli._fit import source_config
    from multitide.cli._run import quietly
    from multitide.cli._terminal import say
    from multitide.fitting._recipe import make_part, with_representation
    from multitide.model._store import load_model
    from multitide.model._stored_representation import fit_encoder

    check_output(output)
    single = {"labels": labels, "series": series, "window": window, "stride": stride}
    lists = {"channels": channel, "ignore": ignore, "time": time}
    data = {name: value for name, value in {**lists, **single}.items() if value not in (None, [])}
    config = source_config(source, label, data, split)
    if representation is not None:
        inputs = {**config.table.get("inputs", {}), "representation": representation}
        config = config.changed(inputs=inputs)
    spec = getattr(
        with_representation(make_part("inputs", config.estimator.get("inputs"))),
        "representation",
        None,
    )
    with quietly():
        samples = config.read()
    parts = config.splitter(samples).split(samples)
    encoder = fit_encoder(_given(spec), samples[parts.train], load_model)
    assert encoder is not None
    table = vectors_table(samples, parts, encoder.transform(samples))
    write_output(table, output)
    n_entries = len(table.columns) - list(table.columns).index("f0")
    learned = f"learned from {len(parts.train)} samples"
    say(f"Written: [bold]{output}[/], {len(table)} rows of {n_entries} entries, {learned}")


def vectors_table(samples: Samples, split: Split, vectors: np.ndarray) -> pd.DataFrame:
    """Return one row a sample: which one it is, its part of the split ("" in none), its labels, and its vector."""
    import pandas as pd

    from multitide.representations._represent import entry_names

    which = pd.DataFrame({"series": samples.series})
    if samples.time is not None:
        which["time"] = samples.time
    which["part"] = ""
    for name in ("train", "validation", "test"):
        which.loc[getattr(split, name), "part"] = name
    entries = pd.DataFrame(vectors, columns=list(entry_names(vectors.shape[1])))
    return pd.concat([which, samples.y, entries], axis=1)


def _given(spec: object) -> object:
    from multitide.errors import ParameterError
    from multitide.representations import REPRESENTATIONS

    if spec is None:
        names = ", ".join(REPRESENTATIONS)
        raise ParameterError(
            f"`representation` must be given, --representation NAME, of {names}; it is not."
        )
    return spec
