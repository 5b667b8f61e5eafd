"""Counts and times of a webcam's frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcomm.frames.checks import is_number
from kcomm.frames.stats import Meter, Stats


@dataclass(frozen=True)
class WebcamStats(Stats):
    """What happened to a webcam's frames so far.

    Parameters
    ----------
    delay : float
        Milliseconds from a frame's capture to the paint of its result, as the fastest page tells.
    skipped : int
        Frames that came to Python and were passed over for newer ones, or could not be decoded since one
        before them was lost.
    codec, camera_codec : str
        How the last result and the last camera frame were encoded; empty before the first.
    bytes_up, bytes_down : float
        Bytes a second that all pages send and receive now.
    """

    delay: float = 0.0
    skipped: int = 0
    codec: str = ""
    camera_codec: str = ""
    bytes_up: float = 0.0
    bytes_down: float = 0.0


class WebcamMeter(Meter):
    """Collects what `WebcamStats` shows, from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._counts |= {"skipped": 0, "arrived": 0}
        self._pages: dict[int, dict[str, float]] = {}
        self._stages: set[str] = set()
        self._codec = ""
        self._camera_codec = ""

    def count_skipped(self) -> None:
        """Count a frame that was passed over."""
        self.count("skipped")

    def count_arrived(self, codec: str, ms: Mapping[str, float]) -> None:
        """Take note of a camera frame, and of the times of its stages in the page."""
        # Both ends encode: the page the camera's frame, this end the result. A page may name no other stages.
        told = {"capture": ms.get("capture"), "camera_encode": ms.get("encode")}
        self.count("arrived", {k: v for k, v in told.items() if is_number(v) and 0 <= v < 1e15})
        with self._lock:
            self._camera_codec = codec

    def count_sent(self, codec: str, ms: Mapping[str, float]) -> None:
        """Count a result that was sent."""
        self.count("sent", ms)
        with self._lock:
            self._codec = codec
            # The steps of a process that was replaced are none any more.
            for gone in self._stages - ms.keys():
                self._times.pop(gone, None)
            self._stages = set(ms)

    def take_report(self, page: int, report: Mapping[str, Any]) -> None:
        """Take what a page says of itself."""
        ms = report.get("ms")
        ms = dict(ms) if isinstance(ms, Mapping) else {}
        if "delay" in report:
            ms["delay"] = report["delay"]
        super().take_report(page, {**report, "ms": ms})
        told = {name: report.get(name) for name in ("delay", "bytes_up", "bytes_down")}
        with self._lock:
            self._pages[page] = {k: float(v) for k, v in told.items() if is_number(v) and 0 <= v < 1e15}

    def forget(self, page: int) -> None:
        """Take note that a page is gone."""
        super().forget(page)
        with self._lock:
            self._pages.pop(page, None)

    def webcam_stats(self) -> WebcamStats:
        """Return the counts and times so far."""
        stats = self.stats()
        with self._lock:
            pages = list(self._pages.values())
            delays = [page["delay"] for page in pages if page.get("delay")]
            return WebcamStats(
                **vars(stats),
                delay=round(min(delays, default=0.0), 2),
                skipped=self._counts["skipped"],
                codec=self._codec,
                camera_codec=self._camera_codec,
                bytes_up=round(sum((page.get("bytes_up", 0.0) for page in pages), 0.0), 1),
                bytes_down=round(sum((page.get("bytes_down", 0.0) for page in pages), 0.0), 1),
            )
