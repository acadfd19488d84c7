"""Time an epoch against a plain torch loop, skorch and Lightning on the same network.

    python benchmarks/training_step.py [--threads 1] [--rounds 5] [--samples N] [--bare]

Data: Beijing PM2.5 as windows of 24 hours x 4 channels (33,387 of them, from ``../shared/data`` if
present, else random numbers of that shape), two complete tasks. Network: LSTM-FCN, AdamW (fused),
clipped gradients, no validation. All train a copy of the module that our estimator built, on the
same standardised labels. In each round, each of them trains one epoch, in an order that rotates;
the table shows medians over rounds. The goal: at most 1.05 times the fastest.

Wall time is what a user waits for. CPU time varies less if other processes use the same cores (with
one thread; with more it also counts waiting threads). ``--bare`` gives the others scaled arrays and
a network without our input layer (scaling, imputing), which could not read raw arrays.
"""

from __future__ import annotations

import argparse
import copy
import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from multitide import Callback, MultiTaskEstimator, Samples
from multitide.data.datasets import load_beijing_pm25

BATCH_SIZE, LR, CLIP_NORM = 64, 1e-4, 1.0
N_SAMPLES = 33_387
GOAL = 1.05
BEIJING = Path(__file__).resolve().parents[2] / "shared" / "data" / "beijing_pm25.csv"


# -- the same for everyone -------------------------------------------------------------------------


def make_samples(n_samples: int) -> tuple[Samples, str]:
    """Return complete windows of 24 hours x 4 channels with two tasks, and their source."""
    if BEIJING.exists():
        samples = load_beijing_pm25(BEIJING, missing_rows="drop", on_gap="ignore")
        return samples[:n_samples], "Beijing PM2.5"
    rng = np.random.default_rng(0)
    y = pd.DataFrame(
        {
            "cbwd": rng.choice(list("abcd"), n_samples),
            "pm2.5": rng.normal(size=n_samples),
        }
    )
    return Samples.from_arrays(rng.normal(size=(n_samples, 4, 24)), y), "random numbers"


class TwoTaskLoss(nn.Module):
    """Cross-entropy plus squared error of standardised labels, for complete labels."""

    def forward(self, outputs: list[Tensor], codes: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(outputs[0], codes[0]) + F.mse_loss(
            outputs[1][:, 0], codes[1]
        )


class Bare(nn.Module):
    """The network without its input layer: backbone and heads."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        network.inputs = Passed()

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.network(x)


class Passed(nn.Module):
    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x


def adamw(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=0.01, fused=True)


def step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: tuple[Tensor, tuple[Tensor, Tensor]],
) -> Tensor:
    optimizer.zero_grad()
    loss = TwoTaskLoss()(network(batch[0]), batch[1])
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
    optimizer.step()
    return loss.detach()


# -- the peers: from a network and tensors to a function that trains one epoch ---------------------


def plain_loop(
    network: nn.Module,
    x: Tensor,
    codes: tuple[Tensor, Tensor],
    batch_size: int = BATCH_SIZE,
) -> Callable[[], None]:
    """A plain loop that draws batches by index: the least work possible."""
    optimizer = adamw(network)

    def epoch() -> None:
        network.train()
        losses = []
        for rows in torch.randperm(len(x), device=x.device).split(batch_size):
            losses.append(
                step(network, optimizer, (x[rows], (codes[0][rows], codes[1][rows])))
            )
        torch.stack(losses).mean().item()

    return epoch


def loader_loop(
    network: nn.Module, x: Tensor, codes: tuple[Tensor, Tensor]
) -> Callable[[], None]:
    """The loop of the tutorials: a DataLoader, and the loss read in every step."""
    optimizer, loader = (
        adamw(network),
        DataLoader(TensorDataset(x, *codes), BATCH_SIZE, shuffle=True),
    )

    def epoch() -> None:
        network.train()
        total = 0.0
        for inputs, *labels in loader:
            total += step(network, optimizer, (inputs, (labels[0], labels[1]))).item()

    return epoch


class Pairs(Dataset[Any]):
    """(x, (class code, number)) by index."""

    def __init__(self, x: Tensor, codes: tuple[Tensor, Tensor]) -> None:
        self.x, self.codes = x, codes

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return self.x[i], (self.codes[0][i], self.codes[1][i])


def skorch_net(
    network: nn.Module, x: Tensor, codes: tuple[Tensor, Tensor]
) -> Callable[[], None]:
    """skorch's NeuralNet, without validation and printing."""
    from skorch import NeuralNet
    from skorch.callbacks import GradientNormClipping

    net = NeuralNet(
        network,
        criterion=TwoTaskLoss,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        optimizer__weight_decay=0.01,
        lr=LR,
        batch_size=BATCH_SIZE,
        max_epochs=1,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[GradientNormClipping(CLIP_NORM)],
        verbose=0,
    ).initialize()
    pairs = Pairs(x, codes)
    return lambda: net.partial_fit(pairs, None)


def lightning_trainer(
    network: nn.Module,
    x: Tensor,
    codes: tuple[Tensor, Tensor],
    batch_size: int = BATCH_SIZE,
    accelerator: str = "cpu",
) -> Callable[[], np.ndarray]:
    """Lightning's Trainer without logger, bar and checkpoints; returns its time per epoch."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.loss = network, TwoTaskLoss()

        def training_step(self, batch: Any, i: int) -> Tensor:
            return self.loss(self.network(batch[0]), (batch[1], batch[2]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return adamw(self.network)

    off = dict.fromkeys(
        (
            "logger",
            "enable_progress_bar",
            "enable_checkpointing",
            "enable_model_summary",
        ),
        False,
    )
    loader, module = (
        DataLoader(TensorDataset(x, *codes), batch_size, shuffle=True),
        Module(),
    )

    class Clock(lightning.Callback):
        def on_train_epoch_start(self, *args: Any) -> None:
            self.begin = now()

        def on_train_epoch_end(self, *args: Any) -> None:
            self.spent = now() - self.begin

    def epoch() -> np.ndarray:
        clock = Clock()  # setting up the trainer is not the epoch
        trainer = lightning.Trainer(
            max_epochs=1,
            accelerator=accelerator,
            devices=1,
            callbacks=[clock],
            gradient_clip_val=CLIP_NORM,
            **off,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(module, loader)
        return clock.spent

    return epoch


PEERS = {
    "plain loop, index": plain_loop,
    "plain loop, DataLoader": loader_loop,
    "skorch": skorch_net,
    "Lightning Trainer": lightning_trainer,
}
OURS = "multitide"


# -- the measurement -------------------------------------------------------------------------------


def now() -> np.ndarray:
    """Wall and CPU seconds, after what a GPU is still doing."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return np.array([time.perf_counter(), time.process_time()])


class Interleaved(Callback):
    """Lets each peer train one epoch after each epoch of ours; the first round only warms up."""

    def __init__(self, samples: Samples, bare: bool) -> None:
        self.samples, self.bare = samples, bare
        self.peers: dict[str, Callable[[], Any]] = {}
        self.seconds: dict[str, list[np.ndarray]] = {}

    def on_train_begin(self, trainer: Any) -> None:
        x = torch.from_numpy(np.ascontiguousarray(self.samples.gather(slice(None))))
        targets = trainer.network.target_list
        codes = tuple(
            torch.from_numpy(target.encode(self.samples.y[target.task.columns]))
            for target in targets
        )
        if self.bare:
            with torch.no_grad():
                x = trainer.network.inputs(x)
        for name, make in PEERS.items():
            network = copy.deepcopy(trainer.network)
            try:
                self.peers[name] = make(
                    Bare(network) if self.bare else network, x, codes
                )
            except ImportError as error:
                print(
                    f"{name}: skipped, {error.name} is not installed "
                    "(pip install 'multitide[bench]')"
                )

    def on_epoch_begin(self, trainer: Any) -> None:
        self.begin = now()

    def on_epoch_end(self, trainer: Any, rows: list[dict[str, Any]]) -> None:
        spent = {OURS: now() - self.begin}
        names = list(self.peers)
        shift = trainer.epoch % max(len(names), 1)
        for name in names[shift:] + names[:shift]:
            begin = now()
            own = self.peers[name]()
            spent[name] = own if isinstance(own, np.ndarray) else now() - begin
        if trainer.epoch > 1:
            for name, seconds in spent.items():
                self.seconds.setdefault(name, []).append(seconds)

    def table(self) -> pd.DataFrame:
        """Medians of rounds, their ratio to the fastest, and the quartiles of these ratios."""
        wall, cpu = (
            pd.DataFrame(self.seconds).map(lambda both, i=i: both[i]) for i in (0, 1)
        )
        fastest = wall.median().idxmin()
        rounds = wall.div(wall[fastest], axis=0)
        table = pd.DataFrame(
            {"wall s": wall.median(), "ratio": wall.median() / wall.median().min()}
        )
        table["lower"], table["upper"] = rounds.quantile(0.25), rounds.quantile(0.75)
        table["cpu s"], table["cpu ratio"] = (
            cpu.median(),
            cpu.median() / cpu.median().min(),
        )
        return table.sort_values("ratio").round(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=N_SAMPLES)
    parser.add_argument(
        "--bare",
        action="store_true",
        help="peers without our input layer, on scaled arrays",
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    samples, source = make_samples(options.samples)
    print(
        f"{samples.shape} from {source}, batch {BATCH_SIZE}, "
        f"{options.threads} thread(s), {options.rounds} rounds"
    )
    interleaved = Interleaved(samples, options.bare)
    MultiTaskEstimator(
        ["cbwd", "pm2.5"],
        max_epochs=options.rounds + 1,
        batch_size=BATCH_SIZE,
        lr=LR,
        validation=None,
        device="cpu",
        random_state=0,
        verbose=0,
    ).fit(samples, callbacks=[interleaved])
    table = interleaved.table()
    print(table.to_string())
    ratio = table.loc[OURS, "ratio"]
    print(
        f"ours / fastest: {ratio:.3f} wall, {table.loc[OURS, 'cpu ratio']:.3f} cpu "
        f"(goal: at most {GOAL})"
    )


if __name__ == "__main__":
    main()
