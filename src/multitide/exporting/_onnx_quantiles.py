"""Quantiles of intervals as functions of a graph, each of which torch exports only once.

A model of trees computes them for several views and levels, and an ensemble in every fit. To trace
all of them takes torch minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from multitide.backbones._quantiles import Level, Quantiles, interval_quantiles

if TYPE_CHECKING:
    import onnx

DOMAIN = "multitide"
NAME = re.compile(r"Quantiles_(\d+)_(\d+)")
# Of the example that is traced: no two axes of the same size, which torch would take for one.
EXAMPLE = (2, 3, 40)

Export = Callable[[nn.Module, dict[str, Tensor]], "onnx.ModelProto"]


class OnnxQuantiles(Quantiles):
    """Computes the same features, with placeholders for the quantiles; in an export only."""

    def __init__(self, quantiles: Quantiles) -> None:
        nn.Module.__init__(self)
        self.plan, self.n_features = quantiles.plan, quantiles.n_features

    def interval_quantiles(self, view: Tensor, lengths: Tensor, level: Level) -> Tensor:
        """Return the placeholder of a level."""
        n_values = level.n_intervals * level.n_quantiles
        found: Tensor = torch.onnx.ops.symbolic(
            f"{DOMAIN}::Quantiles_{level.n_parts}_{level.n_quantiles}",
            (view, lengths),
            dtype=view.dtype,
            shape=(view.shape[0], view.shape[1], n_values),
            version=1,
        )
        return found


class OfLevel(nn.Module):
    """The quantiles of one level."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self.level = level

    def forward(self, view: Tensor, lengths: Tensor) -> Tensor:
        """Return (batch, channels, n_intervals * n_quantiles)."""
        return interval_quantiles(view, lengths, self.level)


def with_onnx_quantiles(module: nn.Module) -> None:
    """Replace the quantiles in a module, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, Quantiles):
            setattr(module, name, OnnxQuantiles(child))
        else:
            with_onnx_quantiles(child)


def fill_quantiles(graph: onnx.ModelProto, export: Export) -> onnx.ModelProto:
    """Return the graph with what its placeholders stand for.

    Parameters
    ----------
    graph : ModelProto
    export : callable
        Exports a module for named example inputs, with open axes.
    """
    from onnx.inliner import inline_local_functions

    names = {node.op_type for node in graph.graph.node if node.domain == DOMAIN}
    if not names:
        return graph
    for name in sorted(names):
        match = NAME.fullmatch(name)
        assert match is not None, name
        level = Level(int(match[1]), int(match[2]))
        view, lengths = torch.randn(EXAMPLE), torch.tensor([EXAMPLE[2], EXAMPLE[2] - 3])
        own = export(OfLevel(level), {"view": view, "lengths": lengths})
        graph.functions.append(_function(name, own))
    return inline_local_functions(graph)


def _function(name: str, own: onnx.ModelProto) -> onnx.FunctionProto:
    """Return a graph as a function, with constants for its initializers."""
    import onnx

    nodes = []
    for constant in own.graph.initializer:
        nodes.append(
            onnx.helper.make_node("Constant", [], [constant.name], value=constant)
        )
    return onnx.helper.make_function(
        DOMAIN,
        name,
        [each.name for each in own.graph.input],
        [each.name for each in own.graph.output],
        [*nodes, *own.graph.node],
        own.opset_import,
    )
