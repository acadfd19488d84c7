"""Layers that subtract in float64 where float32 would lose how a channel varies."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class DoubleCenter(nn.Module):
    """A layer that subtracts its buffer `center`, in float64 if it was fitted to such values.

    In float32, 2e9 + 0.5 would be rounded to 2e9. After the subtraction, float32 is enough.
    """

    center: Tensor
    gain: Tensor
    IN_VALUES: ClassVar[tuple[str, ...]] = (
        "center",
    )  # buffers in the unit of the raw values

    def use_double(self) -> None:
        """Subtract in float64 from now on."""
        for name in self.IN_VALUES:
            setattr(self, name, getattr(self, name).double())

    def scaled(self, values: Tensor) -> Tensor:
        """Return values in standard units, as float32."""
        return (values - self.center).to(self.gain.dtype) * self.gain

    # Any: what torch passes on.
    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load the state, in float64 where it was saved so."""
        center = state_dict.get(f"{prefix}center")
        if center is not None and center.dtype == torch.float64:
            self.use_double()
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
