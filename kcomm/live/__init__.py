"""A camera through a Python function and back: the webcam loop."""

from kcomm.live.filters import edges
from kcomm.live.making import webcam
from kcomm.live.results import Result, Results
from kcomm.live.stats import WebcamStats
from kcomm.live.view import Webcam

__all__ = ["Result", "Results", "Webcam", "WebcamStats", "edges", "webcam"]
