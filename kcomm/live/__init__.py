"""A camera through a Python function and back: the webcam loop."""

from kcomm.live.filters import edges
from kcomm.live.view import Webcam, webcam

__all__ = ["Webcam", "edges", "webcam"]
