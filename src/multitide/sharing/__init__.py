"""Ways of sharing parameters between tasks, by name."""

from multitide.sharing._cross_stitch import CrossStitch
from multitide.sharing._hard import Hard
from multitide.sharing._none import NoSharing
from multitide.sharing._sharing import Sharing, SharingModule
from multitide.sharing._soft import Soft, SoftHard

SHARINGS: dict[str, type[Sharing]] = {
    "hard": Hard,
    "none": NoSharing,
    "soft": Soft,
    "soft+hard": SoftHard,
    "cross_stitch": CrossStitch,
}

__all__ = [
    "SHARINGS",
    "CrossStitch",
    "Hard",
    "NoSharing",
    "Sharing",
    "SharingModule",
    "Soft",
    "SoftHard",
]
