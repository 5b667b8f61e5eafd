"""What pages say of themselves: how they stand, and their cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from kcomm.live.settings import Show, WebcamState

_STATES: Final[tuple[WebcamState, ...]] = ("running", "paused", "idle")


@dataclass(frozen=True)
class PageReport:
    """What one page told last; what it did not tell, or told wrongly, is as if it had told nothing of it."""

    state: WebcamState | None = None
    show: Show | None = None
    device: str | None = None
    devices: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> PageReport:
        """Return what a page told."""
        states = [state for state in _STATES if told.get("state") == state]
        shows: list[Show] = ["result", "both", "overlay"]
        device, devices = told.get("device"), told.get("devices")
        return cls(
            states[0] if states else None,
            next((show for show in shows if told.get("show") == show), None),
            device if isinstance(device, str) and device else None,
            tuple(str(name) for name in devices) if isinstance(devices, (list, tuple)) else (),
        )


class Pages:
    """The pages that show a webcam, by the ids of their channels. Those that never told anything are none."""

    def __init__(self) -> None:
        self._reports: dict[int, PageReport] = {}

    def take(self, page: int, told: Mapping[str, Any], *, is_starting: bool = False) -> None:
        """Take what a page told.

        Parameters
        ----------
        page : int
            The id of its channel.
        told : dict
            What it told.
        is_starting : bool, default: False
            Whether a page that was in no state before, and is idle, is not to count as idle.
        """
        report = PageReport.of(told)
        known = self._reports.get(page, PageReport())
        if is_starting and known.state is None and report.state == "idle":
            report = replace(report, state=None)
        self._reports[page] = report

    def forget(self, page: int) -> PageReport | None:
        """Forget a page that is gone; return what it told last."""
        return self._reports.pop(page, None)

    def forget_states(self) -> None:
        """Let what pages told before a command count no more."""
        for page, report in list(self._reports.items()):
            self._reports[page] = replace(report, state=None)

    @property
    def state(self) -> WebcamState | None:
        """That of the busiest page; None if none told any."""
        told = {report.state for report in list(self._reports.values())}
        return next((state for state in _STATES if state in told), None)

    @property
    def device(self) -> str | None:
        """The camera that is in use; None if none is known to be."""
        reports = sorted(self._reports.copy().values(), key=lambda report: report.state != "running")
        return next((report.device for report in reports if report.device is not None), None)

    @property
    def devices(self) -> list[str]:
        """The cameras that there are; pages know them once one was permitted."""
        names = [name for report in list(self._reports.values()) for name in report.devices]
        return list(dict.fromkeys(names))

    def show_of(self, page: int) -> Show | None:
        """Return what a page shows, if it told."""
        report = self._reports.get(page)
        return report.show if report is not None else None
