"""Who draws frame i, and the player that shows it."""

from kcomm.animation.player import Player, animate
from kcomm.animation.sequence import FrameRangeError

__all__ = ["FrameRangeError", "Player", "animate"]
