"""The Beijing configurations and the example say the same, and what they say is possible."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from multitide import load_config
from multitide._toml import read_toml

ROOT = Path(__file__).parents[2]
REFERENCE, HONEST = (
    ROOT / "configs" / f"beijing_pm25{ending}.toml" for ending in ("", "_honest")
)


def plain(params: dict[str, Any]) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in params.items()
        if name not in ("tasks", "verbose")
    }


def test_the_example_is_the_configuration() -> None:
    example = runpy.run_path(str(ROOT / "examples" / "beijing_pm25.py"))[
        "make_estimator"
    ]()
    configured = load_config(REFERENCE).make_estimator()
    assert plain(example.get_params(deep=False)) == plain(
        configured.get_params(deep=False)
    )


def test_the_honest_protocol_differs_in_its_rows_only() -> None:
    reference, honest = read_toml(REFERENCE), read_toml(HONEST)
    changed = {"missing_rows": "keep", "on_gap": "break"}
    assert {**reference, "data": {**reference["data"], **changed}} == honest


def test_the_reference_protocol_has_the_windows_of_the_data_page(
    shared_data: Path,
) -> None:
    config = load_config(REFERENCE)
    samples = config.read()
    split = config.splitter(samples).split(samples)
    assert samples.shape == (41_734, 4, 24)
    assert len(split.test) == round(0.2 * 41_734)
    assert samples.finish is not None
    assert samples.begin is not None
    assert samples.finish[split.train].max() < samples.begin[split.validation].min()
    assert samples.finish[split.validation].max() < samples.begin[split.test].min()


def test_the_honest_protocol_keeps_wind_without_dust(shared_data: Path) -> None:
    samples = load_config(HONEST).read()
    without = samples.y["pm2.5"].isna()
    assert without.sum() > 2_000
    assert samples.y.loc[without, "cbwd"].notna().all()
