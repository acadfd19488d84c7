"""The server as a process: its page in a browser, its end, and what schemas do not foresee."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pandas as pd
import pytest

from chromium import Chromium
from serving_client import server

pytestmark = pytest.mark.slow


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_person_drops_a_table_and_sees_predictions(
    folder: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    table[["time", "a", "b"]].to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "wrong.csv").write_text("nothing,that\n1,2\n")
    message = "document.getElementById('message')"
    with (
        server(folder, "--engine", "torch") as (_, port),
        Chromium(tmp_path / "browser") as browser,
    ):
        browser.call("Page.navigate", url=f"http://127.0.0.1:{port}/")
        browser.wait_for(
            "document.getElementById('about')?.textContent.startsWith('Predicts state')"
        )
        browser.choose_file("#file", tmp_path / "new.csv")
        browser.wait_for(f"{message}.textContent.startsWith('109 predictions')")
        titles = browser.evaluate(
            "[...document.querySelectorAll('svg')].map((svg) => svg.ariaLabel)"
        )
        assert titles == ["state", "load", "a", "b"]
        # The name of a class is text, whatever it looks like.
        assert browser.evaluate("document.querySelectorAll('svg b, h2 b').length") == 0
        assert browser.evaluate("document.body.textContent").count("<b>high") >= 1
        for width in (1100, 390):
            browser.resize(width, 844)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
        browser.choose_file("#file", tmp_path / "wrong.csv")
        browser.wait_for(f"{message}.className === 'wrong'")
        assert browser.evaluate(f"{message}.textContent")
        browser.call("Page.navigate", url=f"http://127.0.0.1:{port}/docs")
        browser.wait_for("document.querySelectorAll('#routes h2').length === 4")
        assert browser.errors == []


def test_the_page_asks_for_the_key(folder: Path, tmp_path: Path) -> None:
    with (
        server(folder, "--engine", "torch", key="a-long-secret-key") as (_, port),
        Chromium(tmp_path / "browser") as browser,
    ):
        browser.call("Page.navigate", url=f"http://127.0.0.1:{port}/")
        browser.wait_for("document.getElementById('key-form')?.hidden === false")
        browser.evaluate("document.getElementById('key').value = 'a-long-secret-key'")
        browser.evaluate("document.querySelector('#key-form button').click()")
        browser.wait_for(
            "document.getElementById('about').textContent.startsWith('Predicts state')"
        )


def test_a_server_killed_in_mid_request_leaves_the_model_as_it_was(
    folder: Path,
) -> None:
    before = contents(folder)
    with server(folder, "--engine", "torch") as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Type", "text/csv")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"time,a,b\n")
        process.kill()
        process.wait()
        connection.close()
    assert contents(folder) == before


def test_onnx_runtime_answers_as_torch_does(folder: Path) -> None:
    windows = {"windows": [[[0.1 * step for step in range(12)]] * 2]}
    answers = []
    for engine in ("onnx", "torch"):
        with server(folder, "--engine", engine) as (_, port):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request(
                "POST",
                "/predict",
                json.dumps(windows),
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            assert response.status == 200
            answers.append(json.loads(response.read())["tasks"])
            connection.close()
    onnx, torch = answers
    assert onnx["state"]["predictions"] == torch["state"]["predictions"]
    assert onnx["load"]["predictions"]["load"] == pytest.approx(
        torch["load"]["predictions"]["load"], rel=1e-5
    )
