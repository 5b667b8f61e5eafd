"""A jupyter_server extension: kernel websockets that send small messages at once.

The kernel answers a comm message with three small ones: busy, the answer, idle. Nagle's algorithm
holds the second back until the browser acknowledges the first, and the browser delays that
acknowledgement by some 40 ms. TCP_NODELAY ends the wait.
"""

from __future__ import annotations

import inspect
import logging
import types
from typing import TYPE_CHECKING, Any

from traitlets import Bool
from traitlets.config import Configurable

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

logger = logging.getLogger("kcomm")

#: Where jupyter_server looks for the class that joins a websocket with a kernel.
_SETTING = "kernel_websocket_connection_class"


class KcommServer(Configurable):
    """What of kcomm can be configured in the server.

    Examples
    --------
    In ``jupyter_server_config.py``, or as ``--KcommServer.nodelay=False``:

    >>> c.KcommServer.nodelay = False  # doctest: +SKIP
    """

    nodelay = Bool(
        True,
        help="Set TCP_NODELAY on kernel websockets, so that small messages arrive some 15 ms or more sooner.",
    ).tag(config=True)


class _Nodelay:
    """Goes before a connection class of jupyter_server: its websocket does not wait."""

    websocket_handler: Any

    def connect(self) -> Any:
        """Connect to the kernel; the websocket is open by now."""
        try:
            self.websocket_handler.set_nodelay(True)
        except Exception as error:
            # A slow connection is better than none.
            logger.warning("kcomm: TCP_NODELAY could not be set on a kernel websocket: %r", error)
        return super().connect()  # type: ignore[misc]  # of the class that comes after this one


def without_delay(connection_class: Any) -> type[Any]:
    """Return a subclass of a connection class that sets TCP_NODELAY on its websockets.

    Parameters
    ----------
    connection_class
        What jupyter_server makes for each kernel websocket: has a ``websocket_handler`` and a
        ``connect()``, which may be a coroutine. A class that was made here is returned as it is.

    Returns
    -------
    type
        The subclass. It has the same name, so what is configured by it still is.

    Raises
    ------
    TypeError
        If this is no such class.

    Examples
    --------
    >>> from jupyter_server.gateway.connections import GatewayWebSocketConnection
    >>> without_delay(GatewayWebSocketConnection).__name__
    'GatewayWebSocketConnection'
    """
    if not inspect.isclass(connection_class):
        raise TypeError(f"{connection_class!r} is no class")
    if not callable(getattr(connection_class, "connect", None)):
        raise TypeError(f"{_name(connection_class)} has no method connect()")
    if issubclass(connection_class, _Nodelay):
        return connection_class
    namespace = {"__module__": connection_class.__module__, "__doc__": connection_class.__doc__}
    bases = (_Nodelay, connection_class)
    return types.new_class(connection_class.__name__, bases, exec_body=lambda made: made.update(namespace))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "kcomm.server"}]


def _load_jupyter_server_extension(serverapp: ServerApp) -> None:
    """Set up the server's connection class. A server starts, whatever is wrong here."""
    if not KcommServer(config=serverapp.config).nodelay:
        serverapp.log.info(
            "kcomm | TCP_NODELAY is left alone on kernel websockets: KcommServer.nodelay is off"
        )
        return
    _set_up(serverapp)


async def _start_jupyter_server_extension(serverapp: ServerApp) -> None:
    """Look again: an extension loaded after this one may have chosen another class."""
    if KcommServer(config=serverapp.config).nodelay:
        _set_up(serverapp)


def _set_up(serverapp: ServerApp) -> None:
    settings = serverapp.web_app.settings
    configured = settings.get(_SETTING)
    try:
        made = without_delay(configured)
    except Exception as error:
        serverapp.log.warning(
            "kcomm | TCP_NODELAY is not set on kernel websockets: this server's %s can't be extended (%s). "
            "Small messages take longer; everything else works",
            _SETTING,
            error,
        )
        return
    if made is not configured:
        settings[_SETTING] = made
        serverapp.log.info("kcomm | TCP_NODELAY is set on kernel websockets (%s)", _name(made))


def _name(connection_class: type[Any]) -> str:
    return f"{connection_class.__module__}.{connection_class.__qualname__}"
