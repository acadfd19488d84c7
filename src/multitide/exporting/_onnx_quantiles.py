"""Quantiles of intervals as functions of a graph, written in operators of ONNX.

A model of trees computes them for several views and levels, and torch traces each of them for
seconds. So the exported graph has placeholders, which get the functions at the end.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from multitide.backbones._interval_quantiles import Level, shares_of
from multitide.backbones._quantiles import Quantiles

if TYPE_CHECKING:
    import onnx

DOMAIN = "multitide"
NAME = re.compile(r"Quantiles_(\d+)_(\d+)")
# What `interval_quantiles` computes, with which every graph is compared before it is written.
FUNCTION = """
<domain: "multitide", opset_import: ["" : {opset}]>
{name} (view, lengths) => (output)
{{
    zero = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    two = Constant <value_int = 2> ()
    zeros = Constant <value_ints = [0]> ()
    ones = Constant <value_ints = [1]> ()
    twos = Constant <value_ints = [2]> ()
    threes = Constant <value_ints = [3]> ()
    fours = Constant <value_ints = [4]> ()
    n_parts = Constant <value_int = {n_parts}> ()
    n_halves = Constant <value_int = {n_halves}> ()
    halves = Constant <value_ints = {halves}> ()
    ends_of_halves = Add (halves, two)
    sizes = Shape (view)
    n_steps = Gather <axis = 0> (sizes, two)
    known_length = Max (lengths, zero)
    length = Unsqueeze (known_length, ones)

    of_start = Mul (length, halves)
    start = Div (of_start, n_halves)
    of_end = Mul (length, ends_of_halves)
    end_of_half = Div (of_end, n_halves)
    after_start = Add (start, one)
    least_end = Max (end_of_half, after_start)
    end = Min (least_end, length)

    whole = Div (n_steps, n_parts)
    wide = Add (whole, two)
    width = Min (n_steps, wide)
    offsets = Range (zero, width, one)
    starts = Unsqueeze (start, twos)
    steps = Add (starts, offsets)
    ends = Unsqueeze (end, twos)
    is_inside = Less (steps, ends)
    inside = Unsqueeze (is_inside, ones)
    last = Sub (n_steps, one)
    place = Min (steps, last)

    series = Unsqueeze (view, twos)
    places = Unsqueeze (place, ones)
    of_places = Shape (places)
    of_channels = Slice (sizes, ones, twos)
    of_rows = Slice (of_places, zeros, ones)
    of_intervals = Slice (of_places, twos, threes)
    of_width = Slice (of_places, threes, fours)
    of_values = Concat <axis = 0> (of_rows, of_channels, of_intervals, of_width)
    of_steps = Unsqueeze (n_steps, zeros)
    of_series = Concat <axis = 0> (of_rows, of_channels, of_intervals, of_steps)
    every_place = Expand (places, of_values)
    every_series = Expand (series, of_series)
    values = GatherElements <axis = 3> (every_series, every_place)

    is_missing = IsNaN (values)
    is_measured = Not (is_missing)
    known = And (inside, is_measured)
    as_numbers = Cast <to = 7> (known)
    count = ReduceSum <keepdims = 1> (as_numbers, threes)
    no_value = Constant <value = float {{0.0}}> ()
    complete = Where (known, values, no_value)
    precise = Cast <to = 11> (complete)
    total = ReduceSum <keepdims = 1> (precise, threes)
    precise_count = Cast <to = 11> (count)
    precise_mean = Div (total, precise_count)
    mean = Cast <to = 1> (precise_mean)

    largest = Constant <value = float {{inf}}> ()
    missing_last = Where (known, values, largest)
    ascending, order = TopK <axis = 3, largest = 0, sorted = 1> (missing_last, of_width)
    shares = Constant <value_floats = {shares}> ()
    before_last = Sub (count, one)
    most = Max (before_last, zero)
    of_shares = Cast <to = 1> (most)
    between = Mul (shares, of_shares)
    lower = Cast <to = 7> (between)
    next = Add (lower, one)
    upper = Min (next, most)
    low = GatherElements <axis = 3> (ascending, lower)
    high = GatherElements <axis = 3> (ascending, upper)
    below = Cast <to = 1> (lower)
    part = Sub (between, below)
    gap = Sub (high, low)
    step = Mul (part, gap)
    inner = Add (low, step)
    any = Greater (count, zero)
    nothing = Constant <value = float {{nan}}> ()
    quantiles = Where (any, inner, nothing)
    is_odd = Constant <value = bool[{n_quantiles}] {is_odd}> ()
    less_mean = Sub (quantiles, mean)
    all = Where (is_odd, less_mean, quantiles)
    flat = Constant <value_ints = [0, 0, -1]> ()
    output = Reshape (all, flat)
}}
"""


class OnnxQuantiles(Quantiles):
    """Computes the same features, with placeholders for the quantiles; in an export only."""

    def __init__(self, quantiles: Quantiles) -> None:
        nn.Module.__init__(self)
        self.plan, self.n_features = quantiles.plan, quantiles.n_features
        self.levels, self.n_intervals = quantiles.levels, quantiles.n_intervals

    def level_quantiles(
        self, view: Tensor, lengths: Tensor | int, level: Level
    ) -> Tensor:
        """Return the placeholder of a level."""
        if isinstance(lengths, int):
            raise TypeError("an export has the length of each series")
        found: Tensor = torch.onnx.ops.symbolic(
            f"{DOMAIN}::Quantiles_{level.n_parts}_{level.n_quantiles}",
            (view, lengths),
            dtype=view.dtype,
            shape=(view.shape[0], view.shape[1], level.n_values),
            version=1,
        )
        return found


def with_onnx_quantiles(module: nn.Module) -> None:
    """Replace the quantiles in a module, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, Quantiles):
            setattr(module, name, OnnxQuantiles(child))
        else:
            with_onnx_quantiles(child)


def fill_quantiles(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with what its placeholders stand for."""
    from onnx.inliner import inline_local_functions

    names = {node.op_type for node in graph.graph.node if node.domain == DOMAIN}
    if not names:
        return graph
    opsets = {each.domain: each.version for each in graph.opset_import}
    for name in sorted(names):
        match = NAME.fullmatch(name)
        assert match is not None, name
        level = Level(int(match[1]), int(match[2]))
        graph.functions.append(quantile_function(name, level, opsets[""]))
    return inline_local_functions(graph)


def quantile_function(name: str, level: Level, opset: int) -> onnx.FunctionProto:
    """Return the quantiles of a level as a function.

    Its inputs are a view, (batch, channels, time), and the lengths of its series, and its output is
    (batch, channels, n_intervals * n_quantiles).
    """
    from onnx.parser import parse_function

    shares = [f"{share:.12f}" for share in shares_of(level).tolist()]
    is_odd = [str(i % 2) for i in range(level.n_quantiles)]
    text = FUNCTION.format(
        name=name,
        opset=opset,
        n_parts=level.n_parts,
        n_halves=2 * level.n_parts,
        halves=list(range(level.n_intervals)),
        shares=f"[{', '.join(shares)}]",
        n_quantiles=level.n_quantiles,
        is_odd=f"{{{', '.join(is_odd)}}}",
    )
    return parse_function(text)
