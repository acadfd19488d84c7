"""Whether the steps of a fit may multiply in bfloat16, and why not."""

from __future__ import annotations

import logging
from typing import Literal

from multitide._bf16 import has_bf16
from multitide.backbones._recurrent import Recurrent
from multitide.errors import ParameterError
from multitide.fitting._recipe import Recipe, backbone_name, resolve_device

logger = logging.getLogger("multitide")


def precision_of(recipe: Recipe) -> Literal["float32", "bf16", "auto"]:
    """Return ``training.precision``; "auto" is float32 where nothing would be bfloat16.

    Raises
    ------
    ParameterError
        If it is "bf16" there.
    """
    wanted = recipe.training.precision
    reason = _obstacle(recipe)
    if wanted == "float32" or not reason:
        return wanted
    if wanted == "bf16":
        raise ParameterError(
            f"`training.precision` must be 'float32' or 'auto' {reason}; got 'bf16'."
        )
    return "float32"


def tell_precision(recipe: Recipe) -> None:
    """Say that the device has no bfloat16 where it was asked for."""
    wanted = precision_of(recipe)
    if wanted == "float32" or has_bf16(resolve_device(recipe.device)):
        return
    if wanted == "auto":
        logger.info("Training in float32: this processor has no bfloat16 of its own.")
    else:
        logger.warning(
            "precision='bf16' is slower than 'float32' on this processor, which has no bfloat16 "
            "of its own ('auto' uses it only where it has)."
        )


def _obstacle(recipe: Recipe) -> str:
    """Return where nothing would be computed in bfloat16, or ""."""
    backbone = recipe.backbone
    if not backbone.is_trained:
        return f"with backbone {backbone_name(backbone)!r}, whose fit takes no steps"
    on_cpu = resolve_device(recipe.device).type == "cpu"
    if isinstance(backbone, Recurrent) and on_cpu:
        return f"with {backbone!r} on the CPU, where its layers stay float32"
    return ""
