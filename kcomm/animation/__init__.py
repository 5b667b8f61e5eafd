"""Who draws frame i, and the player that shows it."""

from kcomm.animation.drawing.sequence import FrameRangeError
from kcomm.animation.making import animate
from kcomm.animation.player import Player

__all__ = ["FrameRangeError", "Player", "animate"]
