"""What schemathesis makes of the published schema gets an answer that the schema names.

`test_openapi.py` does the same with requests that nearly fit, which schemathesis does not know.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from multitide import MultiTaskEstimator
from serving_client import client_of, server

schemathesis = pytest.importorskip("schemathesis")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")

pytestmark = pytest.mark.filterwarnings("default")

# The schema is that of every model; which columns a table must have is said by /schema.
OF_ANY_MODEL = checks.positive_data_acceptance


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_requests_that_fit_the_schema_and_that_do_not(
    mode: Any, model: MultiTaskEstimator
) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", client_of(model).app)
    cases = schema["/predict"]["POST"].as_strategy(generation_mode=mode)
    statuses = []

    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def check(case: Any) -> None:
        response = case.call_and_validate(
            headers={"Host": "localhost"}, excluded_checks=[OF_ANY_MODEL]
        )
        statuses.append(response.status_code)

    check()
    assert len(statuses) >= 5


@pytest.mark.slow
def test_the_command_of_the_documentation_finds_nothing(
    folder: Path, tmp_path: Path
) -> None:
    with server(folder, "--engine", "torch") as (_, port):
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", "--no-color"),
            f"http://127.0.0.1:{port}/openapi.json",
            *("--exclude-checks", OF_ANY_MODEL.__name__, "--request-timeout", "60"),
        ]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout
    assert "4 selected" in done.stdout
