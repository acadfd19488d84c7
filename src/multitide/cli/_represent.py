"""``multitide represent``: one vector per sample, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from multitide.cli._arguments import (
    Channel,
    Ignore,
    Labels,
    Series,
    Source,
    SplitBy,
    Stride,
    Time,
    Window,
)
from multitide.cli._output_table import EscapeFormulas, check_output, write_output
from multitide.cli._written import Written, takes_written

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multitide.config._config import Config
    from multitide.data._samples import Samples
    from multitide.data._split import Split
    from multitide.encodings._representation import Representation


@takes_written
def represent(
    source: Source,
    output: Annotated[Path, typer.Option(help="Table to write, .parquet or .csv.")],
    representation: Annotated[
        str | None,
        typer.Option(
            help="Such as minirocket, or model:RUN; `multitide methods representation` "
            "lists all. Default: that of the configuration."
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Label column to copy to the table (repeatable)."),
    ] = None,
    labels: Labels = None,
    channel: Channel = None,
    ignore: Ignore = None,
    series: Series = None,
    time: Time = None,
    *,
    written: Written,
    window: Window = None,
    stride: Stride = None,
    split: SplitBy = None,
    escape_formulas: EscapeFormulas = False,
) -> None:
    """Write one vector per sample: its series, time, set of the split, labels, and f0, f1, ...

    The representation is fitted to the training set only.
    """
    from multitide.cli._fit import given, source_config
    from multitide.cli._terminal import bold, quietly, say
    from multitide.config._prepare import split_samples
    from multitide.model._store import load_model
    from multitide.model._stored_representation import fit_encoder

    check_output(output, escape_formulas=escape_formulas)
    data = {
        "labels": labels,
        "channels": channel,
        "ignore": ignore,
        "series": series,
        "time": time,
        "window": window,
        "stride": stride,
        **written.options(),
    }
    config = source_config(source, label, given(data), split)
    if representation is not None:
        inputs = {**config.table.get("inputs", {}), "representation": representation}
        config = config.changed(inputs=inputs)
    with quietly():
        samples = config.read()
    sets = split_samples(config, config.only.name, samples).split
    encoder = fit_encoder(_representation(config), samples[sets.train], load_model)
    table = vectors_table(samples, sets, encoder.transform(samples))
    write_output(table, output, escape_formulas=escape_formulas)
    n_entries = len(table.columns) - list(table.columns).index("f0")
    size = f", {len(table)} rows of {n_entries} entries, "
    say("Written: ", bold(output), size, f"fitted to {len(sets.train)} samples")


def vectors_table(samples: Samples, split: Split, vectors: np.ndarray) -> pd.DataFrame:
    """Return one row per sample: its origin, set of the split ("" for none), labels and vector."""
    import pandas as pd

    from multitide.cli._origin import origin_of
    from multitide.representations._represent import entry_names

    origin = origin_of(samples)
    origin["part"] = ""
    for name in ("train", "validation", "test"):
        origin.loc[getattr(split, name), "part"] = name
    entries = pd.DataFrame(vectors, columns=list(entry_names(vectors.shape[1])))
    return pd.concat([origin, samples.y, entries], axis=1)


def _representation(config: Config) -> Representation:
    """Return the representation of a configuration."""
    from multitide.encodings._inputs import Inputs
    from multitide.errors import ParameterError
    from multitide.fitting._recipe import make_part, with_representation
    from multitide.representations import REPRESENTATIONS

    inputs = with_representation(make_part("inputs", config.estimator.get("inputs")))
    representation = cast(Inputs, inputs).representation
    if representation is None:
        names = ", ".join(REPRESENTATIONS)
        raise ParameterError(
            "`representation` must be given, "
            f"--representation NAME, one of {names}; "
            "it is not."
        )
    return cast("Representation", representation)  # a name has become a part
