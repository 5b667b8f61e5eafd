"""Indicators are still while channels are busy; what else a page and a server do with statuses goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.page.notebook import Notebook, write_notebook
from tests.page.server import Server

TARGET = """
import kcomm
target = kcomm.Target("calc")
@target.method
def add(a: int, b: int) -> int:
    return a + b
"""
WIDGET = """
import threading, time, ipywidgets
pressed, held = 0, 0.0
button = ipywidgets.Button(description="0 times")
def press(_):
    global pressed
    time.sleep(held)
    pressed += 1
    button.description = f"{pressed} times"
button.on_click(press)
button
"""
OURS = ["comm_msg", "comm_open"]

#: JupyterLab's own PageConfig is reached through the modules that it shares with extensions.
SCRIPT = """
async (path) => {
  const chunks = Object.keys(window).find((name) => /^(rspack|webpack)Chunk/.test(name));
  const { S: shared } = await new Promise((resolve) => window[chunks].push([["tests"], {}, resolve]));
  const [coreutils] = Object.values(shared.default["@jupyterlab/coreutils"]);
  const { PageConfig } = (await coreutils.get())();
  const kernel = kcommTests.panel(path).sessionContext.session.kernel;
  const name = "untracked_message_types";
  const channel = await kcomm.connect("calc", { kernel });
  const statuses = [];
  kernel.statusChanged.connect((_, status) => statuses.push(status));
  let timer = null;
  const add = async (a) => {
    if ((await channel.call("add", [a, 1])) !== a + 1) throw new Error("a wrong sum");
  };
  window.latency = {
    kernel,
    statuses,
    get: () => PageConfig.getOption(name),
    set: (raw) => void PageConfig.setOption(name, raw),
    async calls(count) {
      for (let i = 0; i < count; i++) await add(i);
      return PageConfig.getOption(name);
    },
    begin: () => { timer ??= setInterval(() => void add(timer), 100); },
    end: () => { clearInterval(timer); timer = null; },
  };
}
"""


class Latency:
    """A channel to ``calc``, and the page option that JupyterLab reads at every status."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.page = notebook.page
        notebook.run(0)
        notebook.page.evaluate(SCRIPT, notebook.path)

    def option(self) -> str:
        return self._ask("get()")

    def set_option(self, raw: str) -> None:
        self.page.evaluate("(raw) => latency.set(raw)", raw)

    def calls(self, count: int = 10) -> str:
        """Make calls, one after the other; return the option as it is right after."""
        return self._ask(f"calls({count})")

    def begin(self) -> None:
        """Make calls from now on."""
        self._ask("begin()")

    def end(self) -> None:
        self._ask("end()")

    def statuses(self) -> list[str]:
        """Return what the page showed since it was last asked."""
        shown: list[str] = self._ask("statuses.splice(0)")
        return shown

    def wait_quiet(self, raw: str) -> None:
        """Wait until the option is this text again, and the kernel at rest."""
        self.page.wait_for_function(
            "(raw) => latency.get() === raw && latency.kernel.status === 'idle'", arg=raw, timeout=30_000
        )

    def wait_busy(self) -> None:
        self.page.wait_for_function("() => latency.get().includes('comm_msg')", timeout=30_000)

    def _ask(self, expression: str) -> Any:
        return self.page.evaluate(f"() => latency.{expression}")


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_indicators_are_still_while_a_channel_is_busy(open_notebook, app):
    notebook = open_notebook([TARGET, "1 + 1"], app=app)
    stock = notebook.page.evaluate(
        "() => JSON.parse(document.getElementById('jupyter-config-data').textContent).untracked_message_types"
    )
    latency = Latency(notebook)
    latency.page.wait_for_function("() => !latency.get().includes('comm_msg')")
    before = latency.option()
    latency.wait_quiet(before)
    latency.statuses()

    busy = latency.calls(20)
    shown = latency.statuses()

    assert json.loads(before) == stock
    assert json.loads(busy) == [*stock, *OURS]
    assert shown == []
    latency.wait_quiet(before)
    latency.begin()
    latency.wait_busy()
    latency.statuses()
    assert notebook.run(1) == "2"
    latency.page.wait_for_function("() => latency.statuses.includes('idle')")
    assert latency.statuses() == ["busy", "idle"], "a cell is shown as ever"
    latency.end()
    latency.wait_quiet(before)
    assert notebook.errors() == []


def test_what_others_do_with_the_option_stays(open_notebook):
    latency = Latency(open_notebook([TARGET]))
    latency.page.wait_for_function("() => !latency.get().includes('comm_msg')")
    before = latency.option()

    theirs = json.dumps([*json.loads(latency.calls()), "theirs"])
    latency.set_option(theirs)
    latency.wait_quiet(json.dumps([*json.loads(before), "theirs"]).replace(" ", ""))

    latency.calls()
    latency.set_option('["another" ]')
    latency.calls()
    assert latency.option() == '["another" ]'


def test_a_widget_beside_us(open_notebook):
    notebook = open_notebook([TARGET, WIDGET])
    latency = Latency(notebook)
    notebook.run(1)
    button = notebook.output(1).get_by_role("button")
    latency.page.wait_for_function("() => !latency.get().includes('comm_msg')")
    before = latency.option()
    latency.wait_quiet(before)
    latency.statuses()

    button.click()
    expect(button).to_have_text("1 times")
    latency.wait_quiet(before)
    assert set(latency.statuses()) == {"busy", "idle"}, "while we are quiet a widget is shown"

    latency.begin()
    latency.wait_busy()
    button.click()
    expect(button).to_have_text("2 times")
    latency.end()
    latency.wait_quiet(before)
    assert notebook.evaluate("pressed") == 2


def test_a_widget_that_is_at_work_when_we_begin_is_shown_at_rest_in_the_end(open_notebook):
    notebook = open_notebook([TARGET, WIDGET])
    latency = Latency(notebook)
    notebook.run(1)
    button = notebook.output(1).get_by_role("button")
    notebook.execute("held = 2.0")
    latency.page.wait_for_function("() => !latency.get().includes('comm_msg')")
    latency.statuses()

    button.click()
    latency.page.wait_for_function("() => latency.statuses.includes('busy')")
    latency.begin()
    expect(button).to_have_text("1 times")
    latency.wait_busy()

    # Our channel is still busy: a kernel shown as busy now would be so until it is quiet.
    latency.page.wait_for_function("() => latency.kernel.status === 'idle'")
    assert set(OURS) <= set(json.loads(latency.calls()))
    assert latency.page.evaluate("() => latency.kernel.status") == "idle"
    latency.end()


def test_a_setting_switches_it_off(open_notebook, lab):
    latency = Latency(open_notebook([TARGET]))
    page = latency.page
    latency.page.wait_for_function("() => !latency.get().includes('comm_msg')")
    before = latency.option()
    try:
        page.evaluate("() => void jupyterapp.commands.execute('settingeditor:open', { query: 'kcomm' })")
        box = page.get_by_role("checkbox", name="Keep busy indicators still")
        expect(box).to_be_checked()
        assert latency.calls() != before
        box.uncheck()
        page.wait_for_function("(raw) => latency.get() === raw", arg=before)
        latency.statuses()
        # The editor saves after a while; until then a call may still find it on.
        page.wait_for_function("async (raw) => (await latency.calls(1)) === raw", arg=before, polling=200)
        assert latency.calls() == before
        page.wait_for_function("() => latency.statuses.includes('busy')")
    finally:
        shutil.rmtree(lab.home / "settings" / "kcomm", ignore_errors=True)


# -- the server's idle culling ------------------------------------------------------------

CULL_AFTER = 10
OWN = ["kernel_info_request", "status", "of_the_admin"]


@pytest.fixture
def culling(tmp_path: Path) -> Iterator[Server]:
    """A server that ends idle kernels though a page is connected, and has a list of its own."""
    settings = {
        "MappingKernelManager": {
            "cull_idle_timeout": CULL_AFTER,
            "cull_interval": 1,
            "cull_connected": True,
            "untracked_message_types": OWN,
        }
    }
    server = Server(tmp_path, settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.mark.timeout(240)  # It waits twice for the server to cull, or not to.
def test_the_server_sees_activity_and_ends_what_is_idle(culling, context, artefacts):
    write_notebook(culling.root / "cull.ipynb", [TARGET])
    notebook = Notebook(culling, context.new_page(), "cull.ipynb", artefacts)
    notebook.open()
    latency = Latency(notebook)
    kernel = notebook.kernel_id

    def active() -> datetime:
        (model,) = [model for model in culling.api("GET", "kernels") if model["id"] == kernel]
        return datetime.fromisoformat(model["last_activity"].replace("Z", "+00:00"))

    latency.begin()
    latency.wait_busy()
    first = active()
    while active() < first + timedelta(seconds=CULL_AFTER + 5):
        notebook.page.wait_for_timeout(500)

    assert json.loads(latency.option()) == [*OWN, *OURS]
    latency.end()
    notebook.page.wait_for_function(
        "(types) => latency.get() === types", arg=json.dumps(OWN).replace(" ", "")
    )
    # The channel is open and quiet.
    while culling.api("GET", "kernels"):
        notebook.page.wait_for_timeout(500)
