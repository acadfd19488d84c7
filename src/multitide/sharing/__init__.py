"""Ways of sharing parameters between tasks, by name."""

from multitide.sharing.hard import Hard
from multitide.sharing.none import NoSharing
from multitide.sharing.sharing import Sharing, SharingModule

SHARINGS: dict[str, type[Sharing]] = {"hard": Hard, "none": NoSharing}

__all__ = ["SHARINGS", "Hard", "NoSharing", "Sharing", "SharingModule"]
