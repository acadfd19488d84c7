"""Recurrent layers as single operators of ONNX, which keep the number of steps open.

torch unrolls a recurrent layer over the steps of the example that it exports, or nests it in a loop
whose number of steps it forgets where a later layer asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

Attributes: TypeAlias = (
    "dict[str, int | float | str | bool"
    " | Sequence[int] | Sequence[float] | Sequence[str] | Sequence[bool]]"
)

OPSET = 18  # ONNX's; the operators below have not changed since 14

# ONNX's order of the gates, as positions in torch's: i, f, g, o and r, z, n.
GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}


class OnnxCell(nn.Module):
    """Computes the same states as a recurrent layer of torch, in an export only.

    Parameters
    ----------
    cell : RNNBase
        In one direction, with ``batch_first=True``.
    """

    def __init__(self, cell: nn.RNNBase) -> None:
        super().__init__()
        self.operator = cell.mode.partition("_")[0]
        self.hidden_size = cell.hidden_size
        self.input_size = cell.input_size
        self.attributes: Attributes = {"hidden_size": cell.hidden_size}
        if self.operator == "GRU":
            self.attributes["linear_before_reset"] = 1
        if self.operator == "RNN":
            self.attributes["activations"] = [cell.mode.partition("_")[2].capitalize()]
        self.layers: list[_Weights] = []
        for number in range(cell.num_layers):
            layer = _Weights(cell, number, GATES[self.operator])
            self.add_module(f"layer{number}", layer)
            self.layers.append(layer)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, None]]:
        """Return the states of the top layer at each step and at the last, as torch does.

        Parameters
        ----------
        x : Tensor, shape (batch, time, n_inputs)
        """
        states = x.transpose(0, 1)
        for layer in self.layers:
            n_steps, n_rows = states.shape[:2]
            states = torch.onnx.ops.symbolic(
                self.operator,
                (states, layer.inputs, layer.states, layer.biases),
                self.attributes,
                dtype=x.dtype,
                shape=(n_steps, 1, n_rows, self.hidden_size),
                version=OPSET,
            )[:, 0]
        return states.transpose(0, 1), (states[-1:], None)


class _Weights(nn.Module):
    """The weights of a layer in ONNX's order of gates."""

    inputs: Tensor
    states: Tensor
    biases: Tensor

    def __init__(self, cell: nn.RNNBase, number: int, gates: Sequence[int]) -> None:
        super().__init__()
        arranged = {}
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            parts = getattr(cell, f"{name}_l{number}").detach().chunk(len(gates))
            arranged[name] = torch.cat([parts[gate] for gate in gates])[None]
        biases = torch.cat([arranged["bias_ih"], arranged["bias_hh"]], dim=1)
        self.register_buffer("inputs", arranged["weight_ih"])
        self.register_buffer("states", arranged["weight_hh"])
        self.register_buffer("biases", biases)


def with_onnx_cells(module: nn.Module) -> None:
    """Replace the recurrent layers in a module, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.RNNBase):
            setattr(module, name, OnnxCell(child))
        else:
            with_onnx_cells(child)
