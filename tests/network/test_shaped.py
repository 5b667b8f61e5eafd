"""The shaped link: by a clock of the test's own, and with real connections."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from tests.network.shaped import CHUNK, FAR, NEAR, Conditions, Line, ShapedLink

RATE = FAR.rate / 8  # bytes a second


def test_what_is_sent_takes_the_delay_and_its_own_time() -> None:
    line = Line(FAR)
    assert line.send(0, now=1.0) == pytest.approx(1.04)
    assert line.send(250_000, now=1.0) == pytest.approx(1.04 + 0.1)


def test_the_delay_does_not_limit_the_rate() -> None:
    """A second's worth of bytes arrives within a second and half a round trip, whatever its pieces."""
    line = Line(FAR)
    size = int(RATE) // 1000
    arrivals = [line.send(size, now=0.0) for _ in range(1000)]
    assert arrivals[-1] == pytest.approx(1.04)
    steps = [after - before for before, after in pairwise(arrivals)]
    assert max(steps) == pytest.approx(min(steps)) == pytest.approx(0.001)


def test_an_idle_link_saves_nothing_up() -> None:
    line = Line(FAR)
    line.send(1000, now=0.0)
    assert line.send(250_000, now=10.0) == pytest.approx(10.0 + 0.1 + 0.04)


def test_the_queue_is_bounded() -> None:
    line = Line(FAR)
    sent = 0
    while line.wait_for_room(now=0.0) == 0:
        line.send(CHUNK, now=0.0)
        sent += CHUNK
    assert FAR.queue < sent <= FAR.queue + CHUNK
    wait = line.wait_for_room(now=0.0)
    assert line.wait_for_room(now=wait) == pytest.approx(0.0)


def test_conditions_may_change() -> None:
    line = Line(NEAR)
    assert line.send(1 << 30, now=5.0) == 5.0
    line.conditions = Conditions(rtt=1.0, rate=8e6)
    assert line.send(1_000_000, now=5.0) == pytest.approx(6.5)


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that sends back what it gets, and ends when the other end does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def exchange(url: str, data: bytes) -> bytes:
    """Send data, and return what came back until the other end closed."""
    parts = urlsplit(url)
    received = bytearray()
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:

        def send() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        while part := connection.recv(1 << 16):
            received += part
        sender.join()
    return bytes(received)


@pytest.mark.parametrize("conditions", [FAR, NEAR, Conditions(rtt=0.02, rate=200e6, queue=20_000)])
def test_every_byte_arrives_once_and_in_order(echo: str, conditions: Conditions) -> None:
    data = random.Random(1).randbytes(400_000)
    with ShapedLink(echo, conditions) as link:
        assert exchange(link.url, data) == data
        for carried in (link.to_server, link.to_page):
            assert carried.sent == carried.arrived == len(data)


def test_more_than_one_round_trips_worth_is_under_way(echo: str) -> None:
    """A delay line that let the next piece in only when the last was out would hold one piece."""
    with ShapedLink(echo, Conditions(rtt=0.2, rate=20e6, queue=100_000)) as link:
        exchange(link.url, bytes(1_000_000))
        assert 250_000 < link.to_server.peak < 600_000


def test_connections_share_the_link(echo: str) -> None:
    data = [random.Random(i).randbytes(100_000) for i in range(4)]
    results: dict[int, bytes] = {}
    with ShapedLink(echo, FAR) as link:

        def run(i: int) -> None:
            results[i] = exchange(link.url, data[i])

        threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [results[i] for i in range(4)] == data
        assert link.to_page.arrived == 400_000


def test_a_server_that_is_not_there_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with ShapedLink(f"http://127.0.0.1:{port}") as link:
        parts = urlsplit(link.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
            assert connection.recv(1) == b""
