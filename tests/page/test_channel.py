"""Channels from a notebook's page: calls, streams and events in real JupyterLab and Notebook 7."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import kcomm
from tests.page.notebook import Notebook

Open = Callable[..., Notebook]

TARGET = """
import asyncio, threading, time
import numpy as np
import kcomm
target = kcomm.Target("calc")
closed = []

@target.method
def add(a: float, b: float) -> float:
    return a + b

@target.method
def invert(image: np.ndarray) -> np.ndarray:
    return 255 - image

@target.method
def describe(*values):
    return [[type(v).__name__, getattr(v, "dtype", None) and str(v.dtype), list(getattr(v, "shape", []))]
            for v in values]

@target.method
def echo(value):
    return value

@target.method
async def slow():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        closed.append("slow")
        raise

@target.method
def broken():
    raise LookupError("no such thing")

@target.stream
async def ticks(n: int):
    try:
        for i in range(n):
            yield i
    finally:
        closed.append("ticks")

@target.on("said")
def hear(value):
    target.emit("heard", value)
"""

#: Runs an async function with a channel, and shows what it returns, as JSON, in the output.
SCRIPT = """%%javascript
(async () => {{
  const output = document.createElement("pre");
  element.append(output);
  try {{
    const channel = await kcomm.connect("calc", {{ element, {options} }});
    const value = await (async () => {{ {body} }})();
    const say = (key, item) => typeof item === "bigint" ? `${{item}}n` : item;
    output.textContent = "done " + JSON.stringify(value, say);
  }} catch (error) {{
    output.textContent = "failed " + error.code + ": " + error.message;
  }}
}})();
"""


def script(body: str, options: str = "") -> str:
    return SCRIPT.format(body=body, options=options)


def shown(notebook: Notebook, index: int) -> str:
    """Return what the script of a cell showed in the end."""
    output = notebook.output(index).locator("pre")
    output.filter(has_text="done").or_(output.filter(has_text="failed")).first.wait_for(timeout=30_000)
    return output.first.inner_text()


def run(notebook: Notebook, index: int) -> str:
    notebook.run(index)
    return shown(notebook, index)


CALLS = [
    ('return await channel.call("add", [2, 3])', "done 5"),
    ('return await channel.call("add", {a: 2, b: 3.5})', "done 5.5"),
    ('return await channel.call("add", [2])', "failed kcomm.bad_arguments: add(a: float, b: float)"),
    ('return await channel.call("add", ["x", 3])', "failed kcomm.bad_arguments: add: the argument 'a'"),
    ('return await channel.call("nope")', "failed kcomm.unknown_method: there is no method 'nope'"),
    ('return await channel.call("broken")', "failed kcomm.handler_error: 'broken' raised LookupError"),
    ('return await channel.call("ticks", [5])', "failed kcomm.bad_arguments"),
    ('return await channel.call("slow", [], {timeout: 300})', "failed kcomm.timeout"),
    ('channel.close(); return await channel.call("add", [1, 2])', "failed kcomm.closed"),
    ('return await channel.call("echo", [new Map()])', "failed kcomm.bad_value"),
    (
        'return await channel.call("slow", [], {signal: AbortSignal.timeout(300)})',
        "failed kcomm.cancelled",
    ),
    (
        'const all = []; for await (const i of channel.stream("ticks", [5])) all.push(i); return all',
        "done [0,1,2,3,4]",
    ),
    (
        'for await (const i of channel.stream("ticks", [1000])) if (i == 3) break;return "left"',
        'done "left"',
    ),
    (
        'return new Promise(heard => { channel.on("heard", heard); channel.emit("said", {n: [1, null]}) })',
        'done {"n":[1,null]}',
    ),
    (
        'return await channel.call("describe", [1, 2.5, "x", null, true, new Uint8Array(3), '
        "new Float32Array(4), kcomm.ndarray(new Uint8Array(6), [2, 3]), 2n ** 60n])",
        'done [["int",null,[]],["float",null,[]],["str",null,[]],["NoneType",null,[]],["bool",null,[]],'
        '["bytes",null,[]],["ndarray","float32",[4]],["ndarray","uint8",[2,3]],["int",null,[]]]',
    ),
    (
        "const data = new Uint8ClampedArray(48000).fill(200);"
        'const a = await channel.call("invert", [kcomm.ndarray(data, [100, 160, 3])]);'
        "return [a.constructor.name, a.shape, a.dtype, a.length, a[47999]]",
        'done ["Uint8Array",[100,160,3],"uint8",48000,55]',
    ),
    (
        "const a = new Float64Array(8e6).fill(0.5); a[7999999] = -1;"
        'const b = await channel.call("echo", [a]); return [b.length, b[0], b[7999999], b.shape]',
        "done [8000000,0.5,-1,[8000000]]",
    ),
]


def test_calls_streams_events_and_arrays(open_notebook: Open) -> None:
    notebook = open_notebook([TARGET, *(script(body) for body, _ in CALLS)])
    notebook.run(0)
    for index, (body, expected) in enumerate(CALLS, start=1):
        assert run(notebook, index).startswith(expected), body
    assert notebook.evaluate("sorted(set(closed))") == ["slow", "ticks"]
    assert notebook.errors() == []


def test_python_calls_the_page(open_notebook: Open) -> None:
    hello = TARGET + (
        "answers = []\n"
        "@target.on_open\n"
        "async def hello(channel):\n"
        "    answers.append(await channel.call('confirm', 'ready?', timeout=5))\n"
        "    channel.emit('status', {'n': 1}); target.emit('status', {'n': 2})\n"
    )
    body = """
      channel.handle("confirm", text => text + " yes");
      const heard = [];
      return new Promise(done => channel.on("status", s => {
        if (heard.push(s.n) == 2) done(heard);
      }));
    """
    notebook = open_notebook(
        [hello, script(body), "[channel] = target.channels\nprint(await channel.call('confirm', 'and now?'))"]
    )
    notebook.run(0)
    assert run(notebook, 1) == "done [1,2]"
    assert notebook.evaluate("answers") == ["ready? yes"]
    assert notebook.run(2) == "and now? yes\n"


def test_a_stream_of_the_page_is_advanced_on_credit(open_notebook: Open) -> None:
    body = """
      window.made = 0;
      channel.handleStream("numbers", async function* (n) {
        for (let i = 0; i < n; i++) { window.made++; yield i; }
      });
      return "ready";
    """
    use = (
        "[channel] = target.channels\n"
        "async with channel.stream('numbers', 1000, window=4) as numbers:\n"
        "    got = [await anext(numbers) for _ in range(10)]\n"
        "print(got)"
    )
    notebook = open_notebook([TARGET, script(body), use])
    notebook.run(0)
    assert run(notebook, 1) == 'done "ready"'
    assert notebook.run(2) == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    assert 10 <= notebook.page.evaluate("window.made") <= 14


def test_an_unknown_target_says_what_to_do(open_notebook: Open) -> None:
    notebook = open_notebook([script("return 1").replace('"calc"', '"nothing"')])
    text = run(notebook, 0)
    assert text.startswith("failed kcomm.unknown_target: no target named 'nothing'")
    assert "run the cell" in text


def test_a_script_in_an_html_output(open_notebook: Open) -> None:
    page = (
        "from IPython.display import HTML\n"
        "HTML('''<pre id='here'>waiting</pre><script>\n"
        "{ const here = document.getElementById('here');\n"
        "kcomm.connect('calc', { element: here }).then(c => c.call('add', [20, 22]))\n"
        "  .then(n => { here.textContent = `done ${n}` }, e => { here.textContent = `failed ${e}` }); }\n"
        "</script>''')"
    )
    notebook = open_notebook([TARGET, page])
    notebook.run(0)
    assert run(notebook, 1) == "done 42"


def test_calls_are_answered_while_a_cell_runs(open_notebook: Open) -> None:
    """Before the busy cell, and opened while it runs."""
    body = 'window.early = channel; return await channel.call("add", [1, 1])'
    notebook = open_notebook([TARGET, script(body), "time.sleep(8); print('slept')"])
    notebook.run(0)
    assert run(notebook, 1) == "done 2"
    notebook.run(2, wait=False)
    notebook.page.wait_for_timeout(1000)
    assert notebook.page.evaluate("early.call('add', [2, 3], {timeout: 3000})") == 5
    late = """
      async path => {
        const kernel = kcommTests.panel(path).sessionContext.session.kernel;
        const channel = await kcomm.connect("calc", { kernel, timeout: 3000 });
        return channel.call("add", [20, 22], { timeout: 3000 });
      }
    """
    assert notebook.page.evaluate(late, notebook.path) == 42
    assert notebook.text(2) == ""
    assert notebook.wait(2) == "slept\n"


def test_two_notebooks_on_one_kernel_in_one_page(open_notebook: Open) -> None:
    talk = script('window.count = (window.count ?? 0) + 1; return await channel.call("add", [1, 1])')
    notebook = open_notebook([TARGET, talk, "len(target.channels)"])
    notebook.run(0)
    assert run(notebook, 1) == "done 2"
    other = notebook.open_beside([talk], "other.ipynb", share_kernel=True)
    assert other.kernel_id == notebook.kernel_id
    assert run(other, 0) == "done 2"
    assert notebook.evaluate("len(target.channels)") == 2


def test_each_page_is_a_peer_of_its_own(open_notebook: Open) -> None:
    talk = script('return await channel.call("add", [1, 1])')
    notebook = open_notebook([TARGET, talk])
    notebook.run(0)
    assert run(notebook, 1) == "done 2"
    notebook.reload()
    assert notebook.evaluate("[c.id for c in target.channels]") == []
    assert run(notebook, 1) == "done 2"
    assert notebook.evaluate("len(target.channels)") == 1


def test_a_cleared_output_closes_its_channel(open_notebook: Open) -> None:
    notebook = open_notebook([TARGET, script("return 1")])
    notebook.run(0)
    assert run(notebook, 1) == "done 1"
    assert notebook.evaluate("len(target.channels)") == 1
    assert run(notebook, 1) == "done 1"
    notebook.page.wait_for_timeout(1500)
    assert notebook.evaluate("len(target.channels)") == 1


def test_a_restarted_kernel_fails_calls_at_once(open_notebook: Open) -> None:
    notebook = open_notebook([TARGET, script('return await channel.call("slow", [], {timeout: 50000})')])
    notebook.run(0)
    notebook.run(1)
    notebook.page.wait_for_timeout(500)
    notebook.restart()
    assert shown(notebook, 1).startswith("failed kcomm.session_lost")


@pytest.mark.parametrize("app", ["notebook"])
def test_notebook_7(open_notebook: Open, app: str) -> None:
    notebook = open_notebook([TARGET, script('return await channel.call("add", [2, 3])')], app=app)
    notebook.run(0)
    assert run(notebook, 1) == "done 5"
    assert notebook.errors() == []


def test_the_bundle_for_front_ends_of_ones_own(open_notebook: Open) -> None:
    """The library without the plugin's help: a kernel connection is all that it needs."""
    bundle = (Path(kcomm.__file__).parent / "static" / "kcomm.js").read_text()
    notebook = open_notebook([TARGET])
    notebook.run(0)
    use = """
      async ([path, bundle]) => {
        const file = new Blob([bundle], { type: "text/javascript" });
        const kcomm = await import(URL.createObjectURL(file));
        const kernel = kcommTests.panel(path).sessionContext.session.kernel;
        const channel = await kcomm.connect("calc", { kernel });
        const items = [];
        for await (const i of channel.stream("ticks", [4])) items.push(i);
        const sum = await channel.call("add", [2, 3]);
        channel.close();
        return [sum, items, (await channel.closed).code];
      }
    """
    assert notebook.page.evaluate(use, [notebook.path, bundle]) == [5, [0, 1, 2, 3], "kcomm.closed"]
