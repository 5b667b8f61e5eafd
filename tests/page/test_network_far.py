"""Calls and streams over a link of 80 ms and 20 Mbit/s; for views over it see test_far.py."""

from __future__ import annotations

from collections.abc import Callable

from tests.network.shaped import FAR, NEAR, ShapedLink
from tests.page.notebook import Notebook
from tests.page.server import Server
from tests.page.workload import TARGET, Amount, Workload

Open = Callable[..., Notebook]

ARRAY = """
async () => {
  const sent = new Float64Array(250_000).map((_, i) => i / 3);
  const back = await work.channel.call("echo", [sent]);
  return back.length === sent.length && back.every((value, i) => value === sent[i]);
}
"""
ECHO = """
@target.method
def echo(value):
    return value
"""


def test_calls_streams_and_arrays(open_notebook: Open, lab: Server) -> None:
    with ShapedLink(lab.url, NEAR) as link:
        notebook = open_notebook([TARGET + ECHO], url=link.url)
        notebook.run(0)
        link.conditions = FAR
        work = Workload(notebook, Amount(calls=500))
        work.start()
        work.wait()
        work.check()
        before = link.to_server.arrived, link.to_page.arrived
        assert notebook.page.evaluate(ARRAY)
        assert link.to_server.arrived - before[0] > 2_000_000
        assert link.to_page.arrived - before[1] > 2_000_000
        assert notebook.errors() == []
