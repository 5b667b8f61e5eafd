"""The server extension: there by installing, on real websockets, and never in a server's way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_server.gateway.connections import GatewayWebSocketConnection
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from kcomm.server import _load_jupyter_server_extension, _start_jupyter_server_extension, without_delay
from tests.page.server import Server

#: A server extension that tells what the server's own ends of kernel websockets have set.
PROBE = """
import gc, json, os, socket
from jupyter_server.base.handlers import APIHandler
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from tornado import web

class Probe(APIHandler):
    @web.authenticated
    def get(self):
        found = []
        for handler in gc.get_objects():
            if isinstance(handler, KernelWebsocketHandler) and handler.ws_connection is not None:
                connected = handler.ws_connection.stream.socket
                found.append(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        name = type(self.settings["kernel_websocket_connection_class"]).__name__
        self.finish(json.dumps({"nodelay": found, "class": name}))

def _load_jupyter_server_extension(serverapp):
    settings = serverapp.web_app.settings
    serverapp.web_app.add_handlers(".*", [(settings["base_url"] + "api/probe", Probe)])
    stock = settings["kernel_websocket_connection_class"]
    if "KCOMM_TEST_FACTORY" in os.environ:
        # No class, but all the same what a kernel websocket is made with.
        settings["kernel_websocket_connection_class"] = lambda **options: stock(**options)
"""


@pytest.fixture
def start(tmp_path, monkeypatch) -> Iterator[Any]:
    """Start servers: ``start(settings)``."""
    (tmp_path / "a_probe.py").write_text(PROBE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    servers: list[Server] = []

    def start_one(settings: dict[str, dict[str, Any]] | None = None) -> Server:
        settings = dict(settings or {})
        app = dict(settings.pop("ServerApp", {}))
        app["jpserver_extensions"] = {"a_probe": True, **app.get("jpserver_extensions", {})}
        home = tmp_path / f"server-{len(servers)}"
        server = Server(home, settings={**settings, "ServerApp": app})
        servers.append(server)
        server.start()
        return server

    yield start_one
    for server in reversed(servers):
        server.stop()


async def nodelay(server: Server) -> list[int]:
    """Open a kernel's websocket, use it, and return the option as the server has it."""
    kernel = server.api("POST", "kernels", {"name": "python3"}, timeout=60)
    url = f"{server.url}/api/kernels/{kernel['id']}/channels?session_id=me".replace("http", "ws", 1)
    connection = await websocket_connect(
        HTTPRequest(url, headers={"Authorization": f"token {server.token}"}, connect_timeout=60)
    )
    try:
        await connection.write_message(json.dumps(INFO_REQUEST))
        while True:
            message = await connection.read_message()
            assert message is not None, "the websocket was closed"
            if json.loads(message)["msg_type"] == "kernel_info_reply":
                return server.api("GET", "probe")["nodelay"]
    finally:
        connection.close()


INFO_REQUEST = {
    "channel": "shell",
    "header": {
        "msg_id": "1",
        "msg_type": "kernel_info_request",
        "session": "me",
        "username": "",
        "version": "5.3",
        "date": "2026-01-01T00:00:00Z",
    },
    "parent_header": {},
    "metadata": {},
    "content": {},
    "buffers": [],
}


# -- a real server ------------------------------------------------------------------------


async def test_installing_is_enough(start):
    server = start()

    assert await nodelay(server) == [1]
    log = server.log.read_text()
    assert "kcomm | extension was successfully loaded" in log
    assert log.count("kcomm | TCP_NODELAY is set on kernel websockets") == 1


async def test_a_setting_switches_it_off(start):
    server = start({"KcommServer": {"nodelay": False}})

    assert await nodelay(server) == [0]
    assert "KcommServer.nodelay is off" in server.log.read_text()


async def test_the_extension_can_be_disabled(start):
    server = start({"ServerApp": {"jpserver_extensions": {"kcomm": False}}})

    assert await nodelay(server) == [0]
    assert "kcomm |" not in server.log.read_text()


async def test_what_is_no_class_is_named_and_left_alone(start, monkeypatch):
    monkeypatch.setenv("KCOMM_TEST_FACTORY", "1")
    server = start()

    assert await nodelay(server) == [0]
    log = server.log.read_text()
    assert "kernel_websocket_connection_class can't be extended" in log
    assert "<lambda>" in log
    assert server.api("GET", "probe")["class"] == "function"


async def test_behind_a_gateway(start):
    gateway = start({"KcommServer": {"nodelay": False}})
    client = {"url": gateway.url, "auth_token": gateway.token}
    server = start({"GatewayClient": client})

    assert await nodelay(server) == [1]
    assert "connections.GatewayWebSocketConnection)" in server.log.read_text()


# -- classes ------------------------------------------------------------------------------


class Handler:
    """A websocket handler whose connection is gone."""

    def set_nodelay(self, value: bool) -> None:
        raise AssertionError("no connection")


class Foreign:
    """A connection class that knows nothing of jupyter_server's."""

    def __init__(self, handler: Any) -> None:
        self.websocket_handler = handler

    async def connect(self) -> str:
        return "connected"


class App:
    """As much of a server application as the extension touches."""

    def __init__(self, connection_class: Any) -> None:
        from traitlets.config import Config

        self.config = Config()
        self.web_app = self
        self.settings = {"kernel_websocket_connection_class": connection_class}
        self.lines: list[str] = []
        self.log = self

    def info(self, message: str, *values: object) -> None:
        self.lines.append(f"info {message % values}")

    def warning(self, message: str, *values: object) -> None:
        self.lines.append(f"warning {message % values}")


@pytest.mark.parametrize("stock", [ZMQChannelsWebsocketConnection, GatewayWebSocketConnection])
def test_the_subclass_is_configured_as_the_stock_class_is(stock):
    made = without_delay(stock)

    assert issubclass(made, stock)
    assert made.__name__ == stock.__name__
    assert made.class_trait_names() == stock.class_trait_names()
    assert without_delay(made) is made


async def test_a_failure_costs_no_connection(caplog):
    made = without_delay(Foreign)

    assert await made(Handler()).connect() == "connected"
    assert "could not be set on a kernel websocket: AssertionError('no connection')" in caplog.text


@pytest.mark.parametrize("wrong", [None, "a.b.C", object, lambda **options: None])
async def test_a_server_starts_with_whatever_it_has(wrong):
    app: Any = App(wrong)

    _load_jupyter_server_extension(app)
    await _start_jupyter_server_extension(app)

    assert app.settings["kernel_websocket_connection_class"] is wrong
    assert all(line.startswith("warning kcomm | TCP_NODELAY is not set") for line in app.lines)


async def test_a_class_that_comes_later_is_extended_too():
    app: Any = App(ZMQChannelsWebsocketConnection)
    _load_jupyter_server_extension(app)
    app.settings["kernel_websocket_connection_class"] = Foreign

    await _start_jupyter_server_extension(app)

    assert issubclass(app.settings["kernel_websocket_connection_class"], Foreign)
    assert [line.rpartition("(")[2] for line in app.lines] == [
        "jupyter_server.services.kernels.connection.channels.ZMQChannelsWebsocketConnection)",
        "tests.test_server.Foreign)",
    ]


def test_the_import_takes_nothing_heavy_along():
    code = "import sys, kcomm; kcomm._jupyter_server_extension_points(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "traitlets" in loaded
    assert {name for name in done.stdout.split() if name.startswith("kcomm")} == {"kcomm", "kcomm.server"}
    assert not loaded & {
        "ipykernel",
        "IPython",
        "numpy",
        "comm",
        "jupyter_client",
        "zmq",
        "PIL",
        "matplotlib",
    }
