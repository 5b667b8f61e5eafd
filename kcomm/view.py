"""What a cell's output holds, and which outputs keep their objects alive."""

from __future__ import annotations

import base64
import html
import sys
import threading
from collections import OrderedDict
from typing import Any, Final, Literal, Protocol

#: The type of an output that kcomm's plugin shows live.
MIME_TYPE: Final = "application/vnd.kcomm.view+json"

Kind = Literal["animation", "webcam"]

#: Outputs whose objects are kept alive; more than a page can show at a time.
_MAX_OUTPUTS = 256

_HINT = (
    "This is a still picture of a live view. To see it live, run the cell in JupyterLab or Notebook 7. "
    "If it stays like this there, the plugin is missing: <code>pip install kcomm</code> in the environment that "
    "JupyterLab runs in, then reload the page."
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


class Viewable(Protocol):
    """What outputs show."""

    def _retire(self) -> None:
        """Stop serving pages: the last output that showed this was replaced."""
        ...


class Outputs:
    """The outputs of a kernel that show views, and what keeps those alive.

    An object lives as long as somebody holds it or an output shows it. When a cell runs again, what only its
    earlier run had shown is retired; displaying it once more brings it back. Beyond 256 outputs (deleted cells
    tell nobody) the oldest no longer keep theirs alive.
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
