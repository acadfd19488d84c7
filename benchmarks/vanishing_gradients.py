"""Draw how much of the gradient reaches each time step: sigmoid RNN, tanh RNN, LSTM.

    python benchmarks/vanishing_gradients.py [--steps 60] [--out
    docs/figures/vanishing_gradients.svg]

The tanh RNN and the LSTM are our backbones with initial weights, measured by `gradient_flow`: one
layer of 64 units, one direction, random series of 4 channels, a regression task. The sigmoid RNN,
which is not one of our backbones, is written in torch, with weights drawn like those of the others.
Norms are divided by that of the last step.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from multitide import MultiTaskEstimator, gradient_flow
from multitide._gradient_flow import GradientFlow
from multitide.backbones import LSTM, RNN
from multitide.plot._gradients import flow_by_step

HIDDEN, CHANNELS, SERIES = 64, 4, 128


def sigmoid_rnn(x: torch.Tensor) -> np.ndarray:
    """Return the gradient norm at each step, for a squared error on the last state."""
    torch.manual_seed(0)
    bound = 1 / math.sqrt(HIDDEN)
    inward, again, out = (
        torch.empty(HIDDEN, n).uniform_(-bound, bound) for n in (CHANNELS, HIDDEN, 1)
    )
    x = x.clone().requires_grad_()
    state = torch.zeros(len(x), HIDDEN)
    for step in range(x.shape[2]):
        state = torch.sigmoid(x[:, :, step] @ inward.T + state @ again.T)
    ((state @ out)[:, 0] - torch.randn(len(x))).square().mean().backward()
    assert x.grad is not None
    return x.grad.double().norm(dim=(0, 1)).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument(
        "--out", type=Path, default=Path("docs/figures/vanishing_gradients.svg")
    )
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(SERIES, CHANNELS, options.steps)).astype(np.float32)
    y = pd.DataFrame({"number": rng.normal(size=SERIES)})
    norms = {"RNN, sigmoid": sigmoid_rnn(torch.from_numpy(X))}
    for name, cls in (("RNN, tanh", RNN), ("LSTM", LSTM)):
        backbone = cls(num_layers=1, hidden_size=HIDDEN, bidirectional=False)
        estimator = MultiTaskEstimator(backbone=backbone, random_state=0, device="cpu")
        norms[name] = gradient_flow(estimator, X, y).by_step["number"].to_numpy()
    table = pd.DataFrame(norms).rename_axis("step")
    table /= table.iloc[-1]
    print(table.iloc[::-10].map("{:.1e}".format).to_string())
    figure = Figure(figsize=(5, 3), layout="constrained")
    ax = flow_by_step(
        GradientFlow(by_step=table, by_layer=pd.DataFrame()), figure.subplots()
    )
    ax.set(ylabel="norm / that of the last step", title="What of the gradient arrives")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
