"""Training that cannot go on: a loss, gradient or weight is no longer a finite number."""

from __future__ import annotations

from multitide.errors import MultitideError

REMEDY = "Use a lower `lr`, `clip_norm` or `inputs.clip`."


class Diverged(MultitideError):
    """A loss, gradient or weight is not finite; epochs before it are good."""
