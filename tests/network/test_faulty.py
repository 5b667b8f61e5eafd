"""The faulty proxy before a server of the test's own: what passes, what suffers, and what an outage does."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

from tests.network.faults import NONE, Faults
from tests.network.faulty import FaultyProxy
from tests.network.messages import V1
from tests.network.test_faults import v1

BIG = 3_000_000


class Page(RequestHandler):
    def get(self) -> None:
        self.write(b"x" * BIG)

    def post(self) -> None:
        self.write(self.request.body[::-1])


class Channels(WebSocketHandler):
    """Sends every message back; ``received`` has them all."""

    received: list[str | bytes]

    def initialize(self, received: list[str | bytes]) -> None:
        self.received = received

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return V1 if V1 in subprotocols else None

    async def on_message(self, message: str | bytes) -> None:
        self.received.append(message)
        await self.write_message(message, binary=isinstance(message, bytes))


class Backend:
    def __init__(self) -> None:
        self.received: list[str | bytes] = []
        self.url = ""

    def run(self, started: threading.Event, stop: threading.Event) -> None:
        async def serve() -> None:
            routes: list[Any] = [
                ("/page", Page),
                ("/api/kernels/[^/]+/channels", Channels, {"received": self.received}),
            ]
            server = HTTPServer(Application(routes))
            [listener] = bind_sockets(0, "127.0.0.1")
            server.add_socket(listener)
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            started.set()
            await asyncio.to_thread(stop.wait)
            server.stop()
            await server.close_all_connections()

        asyncio.run(serve())


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend, started, stop = Backend(), threading.Event(), threading.Event()
    thread = threading.Thread(target=backend.run, args=(started, stop))
    thread.start()
    started.wait()
    yield backend
    stop.set()
    thread.join()


def v1_message(kind: str, number: int, buffer: bytes = b"") -> bytes:
    header = json.dumps({"msg_id": str(number), "msg_type": kind}).encode()
    return v1("shell", header, b"{}", b"{}", b"%d" % number, buffer)


async def open_channels(proxy: FaultyProxy, *subprotocols: str) -> WebSocketClientConnection:
    url = f"{proxy.url.replace('http', 'ws')}/api/kernels/1234/channels?session_id=1"
    return await websocket_connect(url, subprotocols=list(subprotocols))


async def read(connection: WebSocketClientConnection, count: int) -> list[str | bytes | None]:
    return [await asyncio.wait_for(connection.read_message(), 10) for _ in range(count)]


def get(url: str) -> bytes:
    with urllib.request.urlopen(f"{url}/page", timeout=10) as answer:
        content: bytes = answer.read()
        return content


def upgrade(url: str) -> None:
    """Ask for a websocket, and no more. (tornado's own client complains of each that was refused.)"""
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    request = urllib.request.Request(f"{url}/api/kernels/1234/channels", headers=headers)
    urllib.request.urlopen(request, timeout=10).close()


def test_http_passes_whatever_the_faults(backend: Backend) -> None:
    with FaultyProxy(backend.url, faults=Faults(drop=1)) as proxy:
        assert get(proxy.url) == b"x" * BIG
        body = bytes(range(256)) * 4000
        request = urllib.request.Request(f"{proxy.url}/page", body, {"Content-Type": "application/x-any"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read() == body[::-1]


@pytest.mark.parametrize("subprotocol", [V1, ""])
async def test_messages_pass_unchanged_in_each_framing(backend: Backend, subprotocol: str) -> None:
    with FaultyProxy(backend.url) as proxy:
        connection = await open_channels(proxy, *([subprotocol] if subprotocol else []))
        assert (connection.selected_subprotocol or "") == subprotocol
        sizes = (0, 1, 200, 70_000, BIG)
        if subprotocol:
            sent: list[str | bytes] = [v1_message("comm_msg", size, bytes(size)) for size in sizes]
        else:
            header = '{"header": {"msg_type": "comm_msg"}, "content": '
            sent = [f'{header}"{"é" * size}"}}' for size in sizes]
        for message in sent:
            await connection.write_message(message, binary=isinstance(message, bytes))
        assert await read(connection, len(sent)) == sent
        assert backend.received == sent
        assert proxy.traffic.to_kernel.seen == proxy.traffic.to_page.seen == len(sent)
        connection.close()


async def test_only_comm_messages_suffer(backend: Backend) -> None:
    with FaultyProxy(backend.url, faults=Faults(drop=1)) as proxy:
        connection = await open_channels(proxy, V1)
        for number in range(20):
            await connection.write_message(v1_message("comm_msg", number), binary=True)
            await connection.write_message(v1_message("execute_request", number), binary=True)
        expected = [v1_message("execute_request", number) for number in range(20)]
        assert await read(connection, 20) == expected
        assert proxy.traffic.to_kernel.dropped == 20
        proxy.faults = NONE
        await connection.write_message(v1_message("comm_msg", 99), binary=True)
        assert await read(connection, 1) == [v1_message("comm_msg", 99)]
        connection.close()


async def test_what_is_held_back_comes_by_itself_on_a_quiet_connection(backend: Backend) -> None:
    with FaultyProxy(backend.url, faults=Faults(reorder=1)) as proxy:
        connection = await open_channels(proxy, V1)
        await connection.write_message(v1_message("comm_msg", 1), binary=True)
        assert await read(connection, 1) == [v1_message("comm_msg", 1)]
        assert proxy.traffic.to_kernel.reordered == proxy.traffic.to_page.reordered == 1
        connection.close()


@pytest.mark.parametrize("is_silent", [False, True])
async def test_an_outage_cuts_and_refuses_and_passes(backend: Backend, is_silent: bool) -> None:
    with FaultyProxy(backend.url) as proxy:
        connection = await open_channels(proxy, V1)
        with proxy.outage(is_silent=is_silent):
            assert await read(connection, 1) == [None]
            with pytest.raises(OSError, match=r".*"):
                await asyncio.to_thread(get, proxy.url)
            with pytest.raises(OSError, match=r".*"):
                await asyncio.to_thread(upgrade, proxy.url)
        connection.close()
        assert proxy.traffic.cut == 1
        assert proxy.traffic.refused >= 2
        assert await asyncio.to_thread(get, proxy.url) == b"x" * BIG
        again = await open_channels(proxy, V1)
        await again.write_message(v1_message("comm_msg", 1), binary=True)
        assert await read(again, 1) == [v1_message("comm_msg", 1)]
        again.close()


async def test_a_hang_moves_nothing_and_loses_nothing(backend: Backend) -> None:
    with FaultyProxy(backend.url) as proxy:
        connection = await open_channels(proxy, V1)
        with proxy.hang():
            page = asyncio.create_task(asyncio.to_thread(get, proxy.url))
            for number in range(10):
                await connection.write_message(v1_message("comm_msg", number), binary=True)
            await asyncio.sleep(0.3)
            assert backend.received == []
            assert not page.done()
        assert await read(connection, 10) == [v1_message("comm_msg", number) for number in range(10)]
        assert await page == b"x" * BIG
        connection.close()
