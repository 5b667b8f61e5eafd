"""Calls both ways and a stream over one channel of a page, and what tells that each came exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.page.notebook import Notebook

#: A target whose handlers count their runs; small waits spread what they send over many packets.
TARGET = """
import asyncio, collections
import kcomm
target = kcomm.Target("work")
runs = collections.Counter()
answers = collections.Counter()
failures = []

@target.method
async def double(i: int) -> int:
    runs[i] += 1
    await asyncio.sleep(0.002 * (i % 5))
    return 2 * i

@target.stream
async def count(n: int):
    for i in range(n):
        if i % 500 == 499:
            await asyncio.sleep(0.002)
        yield i

async def ask(channel, begin, n, chains):
    for i in range(begin, n, chains):
        try:
            answers[i, await channel.call("double", i, timeout=None)] += 1
        except kcomm.KcommError as error:
            failures.append([error.code, error.data])

@target.method
async def call_page(n: int, chains: int):
    [channel] = target.channels
    await asyncio.gather(*(ask(channel, k, n, chains) for k in range(chains)))
"""

#: Opens a channel as `window.work` in the notebook's page.
OPEN = """
async (path) => {
  const kernel = kcommTests.panel(path).sessionContext.session.kernel;
  const channel = await kcomm.connect("work", { kernel });
  const work = { channel, runs: {}, answers: {}, items: [], failures: [], left: 0 };
  window.work = work;
  const count = (table, key) => { table[key] = (table[key] ?? 0) + 1; };
  const note = (error) => work.failures.push([error.code, error.data ?? null]);
  channel.handle("double", async (i) => {
    count(work.runs, i);
    await new Promise((resolve) => setTimeout(resolve, i % 5));
    return 2 * i;
  });
  const ask = async (begin, n, chains) => {
    for (let i = begin; i < n; i += chains) {
      try {
        count(work.answers, [i, await channel.call("double", [i], { timeout: 0 })]);
      } catch (error) { note(error); }
    }
  };
  const follow = async (items) => {
    for await (const item of channel.stream("count", [items], { window: 200 })) work.items.push(item);
  };
  work.start = ({ calls, items, chains }) => {
    const parts = [channel.call("call_page", [calls, chains], { timeout: 0 })];
    if (items > 0) parts.push(follow(items));
    for (let k = 0; k < chains; k++) parts.push(ask(k, calls, chains));
    work.left += parts.length;
    for (const part of parts) part.catch(note).finally(() => { work.left -= 1; });
  };
}
"""


@dataclass(frozen=True)
class Amount:
    """How much of each there is to do.

    Attributes
    ----------
    calls
        Calls from the page to the kernel, and as many the other way.
    items
        Items of a stream to the page.
    chains
        Calls that are open at once, each way.
    """

    calls: int = 1000
    items: int = 10_000
    chains: int = 50


class Workload:
    """A channel in a notebook whose first cell, `TARGET`, has run."""

    def __init__(self, notebook: Notebook, amount: Amount) -> None:
        self.notebook = notebook
        self.amount = amount
        notebook.page.evaluate(OPEN, notebook.path)

    def start(self) -> None:
        """Begin all of it, and wait for none of it."""
        amount = self.amount
        options = {"calls": amount.calls, "items": amount.items, "chains": amount.chains}
        self.notebook.page.evaluate("(options) => work.start(options)", options)

    def wait(self, timeout: float = 60_000) -> None:
        """Wait until all of it has ended, well or not."""
        self.notebook.wait_for("work.left === 0", timeout)

    def check(self) -> None:
        """Check that every call ran once and was answered once, and every item came once, in order."""
        calls = range(self.amount.calls)
        page = self._in_page("[work.failures, work.runs, work.answers, work.items]")
        failures, runs, answers, items = page
        kernel = self.notebook.evaluate(
            "[failures, sorted(runs.items()), [[*key, n] for key, n in sorted(answers.items())]]"
        )
        assert failures == kernel[0] == []
        assert runs == {str(i): 1 for i in calls}
        assert answers == {f"{i},{2 * i}": 1 for i in calls}
        assert kernel[1] == [[i, 1] for i in calls]
        assert kernel[2] == [[i, 2 * i, 1] for i in calls]
        assert items == list(range(self.amount.items))

    def _in_page(self, expression: str) -> Any:
        return self.notebook.page.evaluate(f"() => {expression}")
