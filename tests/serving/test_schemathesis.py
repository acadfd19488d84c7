"""What schemathesis makes of the published schema gets an answer that the schema names.

It is not among the packages of `make test-all`: ``pip install -c constraints.txt schemathesis``,
then ``pytest -m slow tests/serving/test_schemathesis.py``. What does not fit the schema is in
`test_openapi.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from multitide import MultiTaskEstimator
from serving_client import client_of

schemathesis = pytest.importorskip("schemathesis")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

# The schema is that of every model; which columns a table must have is said by /schema.
OF_ANY_MODEL = checks.positive_data_acceptance


def test_every_operation_answers_as_the_schema_says(
    model: MultiTaskEstimator,
) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", client_of(model).app)
    n_cases = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        cases = operation.as_strategy(
            generation_mode=schemathesis.GenerationMode.POSITIVE
        )

        @settings(
            max_examples=60, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=cases)
        def check(case: Any) -> None:
            nonlocal n_cases
            n_cases += 1
            case.call_and_validate(
                headers={"Host": "localhost"}, excluded_checks=[OF_ANY_MODEL]
            )

        check()
    assert n_cases > 60
