"""Nothing is lost where the path loses messages: by the server's own rate limit, on a network far worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.network.faults import BAD
from tests.network.faulty import FaultyProxy
from tests.page.notebook import Notebook
from tests.page.server import Server
from tests.page.workload import TARGET, Amount, Workload

Open = Callable[..., Notebook]

#: Messages a second on iopub beyond which the server drops them, without a word to either end, until one
#: from the page makes the kernel busy and idle. With its own limit of 1000 that takes many prints.
LIMIT = 1.0
LOGGED = "IOPub message rate exceeded"
#: Prints in the background until told to stop, and counts the packets that leave the kernel.
FLOOD = """
import threading, sys
from kcomm.transport.comm import CommTransport
sent = 0
def send(self, packet, original=CommTransport.send):
    global sent
    sent += 1
    original(self, packet)
CommTransport.send = send
stop = threading.Event()
def flood():
    while not stop.wait(0.02):
        print(".", end="", flush=True)
threading.Thread(target=flood, daemon=True).start()
"""
COUNT_RECEIVED = """
(path) => {
  window.received = 0;
  const kernel = kcommTests.panel(path).sessionContext.session.kernel;
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (direction === "recv" && msg.header.msg_type === "comm_msg") window.received++;
  });
}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that drops messages sooner than others do."""
    settings = {"ZMQChannelsWebsocketConnection": {"iopub_msg_rate_limit": LIMIT}}
    server = Server(tmp_path_factory.mktemp("jupyter-limited"), settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_the_servers_rate_limit(open_notebook: Open, lab: Server) -> None:
    notebook = open_notebook([TARGET, FLOOD])
    notebook.run(0)
    work = Workload(notebook, Amount())
    notebook.run(1)
    notebook.page.evaluate(COUNT_RECEIVED, notebook.path)
    sent = notebook.evaluate("sent")
    logged = lab.log.read_text().count(LOGGED)
    work.start()
    work.wait()
    sent = notebook.evaluate("stop.set() or sent") - sent
    assert lab.log.read_text().count(LOGGED) > logged
    assert notebook.page.evaluate("received") < sent - 10
    work.check()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_network_that_drops_repeats_reorders_and_delays(
    open_notebook: Open, lab: Server, seed: int
) -> None:
    with FaultyProxy(lab.url, seed=seed) as proxy:
        notebook = open_notebook([TARGET], url=proxy.url)
        notebook.run(0)
        work = Workload(notebook, Amount())
        proxy.faults = BAD
        work.start()
        work.wait()
        for counts in (proxy.traffic.to_kernel, proxy.traffic.to_page):
            assert min(counts.dropped, counts.duplicated, counts.reordered, counts.delayed) > 5, counts
        work.check()
