"""What a cell's output holds, how its view is served, and which outputs keep their objects alive."""

from __future__ import annotations

import base64
import html
import sys
import threading
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any, Final, Literal, Protocol

from kcomm.channel import Channel
from kcomm.errors import ChannelClosedError
from kcomm.runtime import get_runtime
from kcomm.target import Target

#: The type of an output that kcomm's plugin shows live.
MIME_TYPE: Final = "application/vnd.kcomm.view+json"

Kind = Literal["animation", "webcam"]

#: Outputs whose objects are kept alive; more than a page can show at a time.
_MAX_OUTPUTS = 256

_HINT = (
    "This is a still picture of a live view. To see it live, run the cell in JupyterLab or Notebook 7. "
    "If it stays like this there, the plugin is missing: <code>pip install kcomm</code> in the environment "
    "that JupyterLab runs in, then reload the page."
)
_HINT_WITHOUT_POSTER = _HINT.replace("This is a still picture of", "Here is")


def mimebundle(
    kind: Kind,
    target: str,
    *,
    title: str,
    width: int,
    height: int,
    poster: bytes | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return what a cell displays for a view.

    Parameters
    ----------
    kind : {"animation", "webcam"}
        What the view is.
    target : str
        The name of the comm target that serves it.
    title : str
        What it is called; any text.
    width, height : int
        Its size in pixels.
    poster : bytes, optional
        A PNG file that stands for it where nothing is live.
    note : str, optional
        What else the reader should know, such as why there is no poster; any text.

    Returns
    -------
    dict
        By MIME type: kcomm's own (no code), HTML and PNG for static pages, and plain text.

    Examples
    --------
    >>> sorted(mimebundle("webcam", "kcomm.webcam.0", title="", width=640, height=480))
    ['application/vnd.kcomm.view+json', 'text/html', 'text/plain']
    """
    name = title or kind
    bundle: dict[str, Any] = {
        MIME_TYPE: {
            "version": 1,
            "kind": kind,
            "target": target,
            "title": title,
            "width": width,
            "height": height,
        },
        "text/plain": f"<kcomm {kind}{': ' + title if title else ''}, {width} x {height}>",
    }
    picture = ""
    if poster is not None:
        encoded = base64.b64encode(poster).decode("ascii")
        bundle["image/png"] = encoded
        picture = (
            f'<img src="data:image/png;base64,{encoded}" alt="{html.escape(name)}" '
            f'width="{width}" style="max-width: 100%; height: auto">'
        )
    hint = _HINT if poster is not None else _HINT_WITHOUT_POSTER
    notes = f"<p>{html.escape(note)}</p>" if note else ""
    bundle["text/html"] = (
        f'<div class="kcomm-poster">{picture}{notes}'
        f"<p><small><strong>{html.escape(name)}</strong>. {hint}</small></p></div>"
    )
    return bundle


class Service(ABC):
    """The comm target of a view, which can be taken away and brought back.

    It holds no reference to the object that people hold, so that this one can be collected.

    Parameters
    ----------
    name : str
        The name of the target.
    what : str
        What people call the object, for error messages.
    """

    def __init__(self, name: str, what: str) -> None:
        self.name = name
        self._what = what
        self._lock = threading.Lock()
        self._target: Target | None = None
        self._is_closed = False
        self._is_released = False

    @abstractmethod
    def _fill(self, target: Target) -> None:
        """Register the handlers of a new target."""

    def open(self) -> None:
        """Serve pages, if that is not so already."""
        self.check_open()
        with self._lock:
            if self._target is None:
                target = Target(self.name)
                target.on_close(self.forget_page)
                self._fill(target)
                self._target = target

    def retire(self) -> None:
        """Serve no pages until it is opened again."""
        with self._lock:
            target, self._target = self._target, None
        if target is not None:
            target.close()

    def close(self) -> None:
        """Serve no pages any more."""
        self._is_closed = True
        self.retire()

    def release(self) -> None:
        """Take note that nobody holds the object any more: close when the last page is gone."""
        self._is_released = True
        target = self._target
        if target is None or not target.channels:
            self.close()

    def forget_page(self, channel: Channel) -> None:
        """Take note that a page is gone."""
        if self._is_released:
            self.release()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed for good."""
        return self._is_closed

    def check_open(self) -> None:
        """Raise if it was closed for good."""
        if self._is_closed:
            raise ChannelClosedError(f"the {self._what} was closed: make a new one")

    def tell(self, action: str, value: object = None) -> None:
        """Send a command to all pages."""
        target = self._target
        if target is not None:
            command = {"action": action} if value is None else {"action": action, "value": value}
            target.emit("control", command)


def close_with(owner: object, service: Service) -> None:
    """Release a service when the object that people hold is collected."""
    # The collector may run on any thread and under any lock: the closing is left to the loop.
    finalizer = weakref.finalize(owner, get_runtime().call_soon, service.release)
    finalizer.atexit = False


class Viewable(Protocol):
    """What outputs show."""

    def _retire(self) -> None:
        """Stop serving pages: the last output that showed this was replaced."""
        ...


class Outputs:
    """The outputs of a kernel that show views, and what keeps those alive.

    An object lives as long as somebody holds it, an output shows it, or a page is connected. When a cell
    runs again, what only its earlier run had shown is retired; displaying it once more brings it back.
    Beyond 256 outputs (deleted cells tell nobody) the oldest no longer keep theirs alive.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_cell: OrderedDict[str, tuple[str, list[Viewable]]] = OrderedDict()

    def add(self, viewable: Viewable, cell: str, run: str) -> None:
        """Take note that a run of a cell shows an object."""
        with self._lock:
            earlier, shown = self._by_cell.pop(cell, (run, []))
            replaced = shown if earlier != run else []
            kept = shown if earlier == run else []
            if not _is_in(viewable, kept):
                kept = [*kept, viewable]
            self._by_cell[cell] = (run, kept)
            still_shown = [item for _, items in self._by_cell.values() for item in items]
            forgotten = []
            while len(self._by_cell) > _MAX_OUTPUTS:
                forgotten.append(self._by_cell.popitem(last=False))
        for item in replaced:
            if not _is_in(item, still_shown):
                item._retire()

    def remove(self, viewable: Viewable) -> None:
        """Forget an object that was closed."""
        with self._lock:
            for cell, (run, shown) in list(self._by_cell.items()):
                kept = [item for item in shown if item is not viewable]
                if kept:
                    self._by_cell[cell] = (run, kept)
                else:
                    del self._by_cell[cell]

    def __len__(self) -> int:
        return len(self._by_cell)


outputs = Outputs()


def note_shown(viewable: Viewable) -> None:
    """Take note that the cell that runs now shows an object; outside IPython, that nobody does."""
    cell, run = _current_cell()
    if run:
        outputs.add(viewable, cell, run)


def _current_cell() -> tuple[str, str]:
    """Return the ids of the cell that runs now and of this run; empty where they are not known.

    Front ends that don't tell the cell's id get one for each run.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "get_parent"):
        return "", ""
    parent = shell.get_parent() or {}
    run = str((parent.get("header") or {}).get("msg_id", ""))
    cell = str((parent.get("metadata") or {}).get("cellId") or run)
    return cell, run


def _is_in(item: Viewable, items: list[Viewable]) -> bool:
    return any(other is item for other in items)
