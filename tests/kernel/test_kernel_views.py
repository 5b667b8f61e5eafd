"""Players and webcams in a real kernel, with matplotlib's inline backend."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import kcomm
from kcomm.frames import Frame
from kcomm.view import MIME_TYPE

from .conftest import Kernel

SWEEP = """
%matplotlib inline
import kcomm
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
fig, ax = plt.subplots()
(line,) = ax.plot([0, 1], [0, 0])
drawn = []
def update(i):
    drawn.append(i)
    line.set_ydata([0, i])
"""


def draw(channel: kcomm.BlockingChannel, index: int) -> dict[str, Any]:
    message = channel.call("draw", index)
    assert isinstance(message, dict)
    return message


def target_of(displayed: dict[str, Any]) -> str:
    return str(displayed[MIME_TYPE]["target"])


def test_a_player_is_all_that_its_cell_shows(kernel: Kernel) -> None:
    output = kernel.run(SWEEP + "kcomm.animate(FuncAnimation(fig, update, frames=100))")
    (displayed,) = output.displayed
    assert {MIME_TYPE, "image/png", "text/html", "text/plain"} == set(displayed)
    assert output.stderr == ""
    assert kernel.run("1;").displayed == []
    channel = kernel.connect(target_of(displayed))
    assert draw(channel, 7)["index"] == 7
    with channel.stream("play", 20, 1, False, window=1) as frames:
        assert [frame["index"] for frame in itertools.islice(frames, 3)] == [20, 21, 22]
    kernel.run("assert drawn == [0, 7, 20, 21, 22], drawn")


def test_frames_leave_the_half_built_figure_of_a_cell_alone(kernel: Kernel) -> None:
    output = kernel.run(SWEEP + "kcomm.animate(FuncAnimation(fig, update, frames=100))")
    channel = kernel.connect(target_of(output.displayed[0]))
    cell = kernel.start(
        "other = plt.figure()\n"
        "import time\n"
        "end = time.monotonic() + 20\n"
        "while len(drawn) < 4 and time.monotonic() < end: time.sleep(0.01)\n"
        "assert plt.fignum_exists(other.number)\n"
        "other.add_subplot().set_title('whole')"
    )
    with channel.stream("play", 1, 1, True, window=3) as frames:
        next(frames)
        output = kernel.wait(cell)
    assert output.error == ""
    assert sum("image/png" in displayed for displayed in output.displayed) == 1


def test_prints_and_tracebacks_are_shown_under_the_cell(kernel: Kernel) -> None:
    cell = kernel.start(
        "import kcomm\n"
        "def paint(i):\n"
        "    print('painting', i)\n"
        "    raise ValueError('no paint')\n"
        "player = kcomm.animate(paint, frames=3)\n"
        "print(player.target)"
    )
    output = kernel.wait(cell)
    channel = kernel.connect(output.stdout.split()[0])
    assert "no paint" in draw(channel, 1)["error"]["message"]
    kernel.read_until(
        lambda: "painting 1" in output.stdout and "ValueError: no paint" in output.stderr,
        "the output of the function was lost",
    )
    assert "Traceback" in output.stderr


def run_cell(kernel: Kernel, cell: str, code: str) -> None:
    """Run a cell as JupyterLab does, which tells its id."""
    content = {"code": code, "silent": False, "store_history": True, "stop_on_error": True}
    session = kernel.client.session
    message = session.msg("execute_request", content, metadata={"cellId": cell})
    kernel.client.shell_channel.send(message)
    output = kernel.wait(message["header"]["msg_id"])
    assert output.error == ""


def test_running_a_cell_again_does_not_pile_up(own_kernel: Kernel) -> None:
    count = "len(get_ipython().kernel.comm_manager.targets)"
    own_kernel.run(f"import kcomm, threading; before = {count}")
    for _ in range(10):
        run_cell(own_kernel, "one", SWEEP + "kcomm.animate(FuncAnimation(fig, update, frames=9))")
        run_cell(own_kernel, "two", "kcomm.webcam()")
    own_kernel.run(f"assert {count} == before + 2, {count}")
    own_kernel.run(
        "import time; time.sleep(0.2)\n"
        "workers = [t.name for t in threading.enumerate() if t.name.startswith('kcomm-')]\n"
        "assert len(workers) <= 2, workers"
    )


def test_a_webcam(kernel: Kernel) -> None:
    output = kernel.run(
        "import kcomm\ncam = kcomm.webcam(lambda image: 255 - image, codec='png')\ncam.start()\ncam"
    )
    channel = kernel.connect(target_of(output.displayed[0]))
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)

    async def camera(options: dict[str, Any]) -> Any:
        assert options["width"] == 640
        for index in itertools.count():
            yield Frame.of(image, index=index, captured=1.0).encoded("png").to_message()

    channel.handle_stream("camera", camera, volatile=True)
    assert channel.call("info")["state"] == "running"
    with channel.stream("results", window=2) as results:
        next_index = 0
        for message in itertools.islice(results, 5):
            # A camera that sends more than Python takes: the newest frame wins.
            assert message["index"] == next_index + message["skipped"]
            next_index = message["index"] + 1
            assert (Frame.from_message(message).pixels == 255 - image).all()
    kernel.run("assert cam.snapshot().shape == (48, 64, 3)")
