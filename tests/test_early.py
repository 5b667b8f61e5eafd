"""Reading comm messages early: which are taken, and which kernels are left alone."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import ipykernel._version
import pytest
import zmq
from jupyter_client.session import Session

from kcomm.transport.early import read_early
from kcomm.transport.ending import end_subshells_first
from kcomm.transport.replies import send_replies_by_stream


class Stream:
    """A stream as far as it is used; what its callback gets comes from `bring`."""

    def __init__(self) -> None:
        self.forwarded: list[Any] = []
        self._recv_callback: Callable[[Any], object] | None = self.forwarded.append
        self.set = 0

    def on_recv(self, callback: Callable[[Any], object], copy: bool) -> None:
        assert not copy
        self._recv_callback = callback
        self.set += 1

    def bring(self, frames: list[bytes]) -> None:
        assert self._recv_callback is not None
        self._recv_callback([zmq.Frame(frame) for frame in frames])


class Kernel:
    """A kernel as far as it is used."""

    def __init__(self) -> None:
        self.shell_stream = Stream()
        self.session = Session(key=b"key")
        self.io_loop = SimpleNamespace(add_callback=lambda function, *args: function(*args))
        self.log = SimpleNamespace(error=lambda *args, **_: self.logged.append(args[0]))
        self.logged: list[str] = []
        self.handled: list[tuple[str, str]] = []
        self.statuses: list[str] = []
        self.marks: list[Any] = []
        ours = SimpleNamespace(handle_msg=_make_ours())
        self.comm_manager = SimpleNamespace(
            targets={"ours": _make_ours(), "others": lambda *_: None},
            comms={"1": ours, "2": SimpleNamespace(handle_msg=lambda *_: None)},
        )
        self.shell_handlers = dict.fromkeys(("comm_open", "comm_msg", "comm_close"), self._handle)

    def _handle(self, stream: Any, idents: Any, message: dict[str, Any]) -> None:
        self.handled.append((message["msg_type"], message["content"]["comm_id"]))
        if message["content"]["data"]:
            raise RuntimeError("as asked")

    def schedule_dispatch(self, dispatch: Callable[[], Any]) -> None:
        self.marks.append(dispatch)

    def _publish_status(self, status: str, channel: str, parent: Any) -> None:
        self.statuses.append(status)

    def pass_marks(self) -> None:
        """Have handled all that was queued."""
        while self.marks:
            with pytest.raises(StopIteration):
                self.marks.pop(0)().send(None)

    def send(self, kind: str, session: Session | None = None, **content: Any) -> None:
        session = session or self.session
        message = session.msg(kind, {"data": {}, **content})
        self.shell_stream.bring(session.serialize(message, ident=b"page"))


def _make_ours() -> Callable[..., None]:
    def handler(*_: Any) -> None: ...

    handler.__module__ = "kcomm.transport.comm"
    return handler


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setattr(ipykernel._version, "version_info", (6, 29, 5))
    kernel = Kernel()
    read_early(kernel)
    return kernel


def test_what_is_ours_is_handled_at_once_and_in_order(kernel: Kernel) -> None:
    kernel.send("comm_open", comm_id="3", target_name="ours")
    kernel.send("comm_msg", comm_id="1")
    kernel.send("comm_close", comm_id="1")
    assert kernel.handled == [("comm_open", "3"), ("comm_msg", "1"), ("comm_close", "1")]
    assert kernel.shell_stream.forwarded == []


def test_all_else_goes_on_as_it_came(kernel: Kernel) -> None:
    kernel.send("comm_open", comm_id="3", target_name="others")
    kernel.send("comm_open", comm_id="3", target_name="nobody's")
    kernel.send("comm_msg", comm_id="2")
    kernel.send("comm_msg", comm_id="unknown")
    kernel.send("execute_request", code="1")
    for frames in ([], [b"x"], [b"<IDS|MSG>", b""], [b"<IDS|MSG>", b"", b"{", b"{}", b"{}", b"{}"]):
        kernel.shell_stream.bring(frames)
    assert len(kernel.shell_stream.forwarded) == 9
    assert kernel.handled == []


def test_a_wrong_signature_is_logged_and_nothing_done(kernel: Kernel) -> None:
    kernel.send("comm_msg", Session(key=b"another"), comm_id="1")
    assert kernel.handled == []
    assert kernel.logged == ["Invalid Message"]


def test_a_handler_that_raises_is_logged(kernel: Kernel) -> None:
    kernel.pass_marks()
    kernel.send("comm_msg", comm_id="1", data={"raise": True})
    assert kernel.logged == ["Exception in message handler:"]
    assert kernel.statuses == ["busy", "idle"]


def test_the_status_is_published_only_while_nothing_else_is_handled(kernel: Kernel) -> None:
    kernel.send("comm_msg", comm_id="1")  # in the cell that made the target
    assert kernel.statuses == []
    kernel.pass_marks()
    kernel.send("comm_msg", comm_id="1")
    assert kernel.statuses == ["busy", "idle"]
    kernel.send("execute_request", code="1")
    kernel.send("comm_msg", comm_id="1")
    assert kernel.statuses == ["busy", "idle"]
    kernel.pass_marks()
    kernel.send("comm_msg", comm_id="1")
    assert kernel.statuses == ["busy", "idle"] * 2


def test_a_second_target_changes_nothing_more(kernel: Kernel) -> None:
    read_early(kernel)
    assert kernel.shell_stream.set == 1


def test_what_answers_have_as_their_parent_is_the_message_and_only_there(kernel: Kernel) -> None:
    parent: contextvars.ContextVar[Any] = contextvars.ContextVar("parent", default="the cell")
    seen: list[Any] = []
    kernel._shell_parent = parent  # type: ignore[attr-defined]  # as ipykernel 7 has it
    kernel.shell_handlers["comm_msg"] = lambda *_: seen.append(parent.get()["msg_type"])
    kernel.send("comm_msg", comm_id="1")
    assert seen == ["comm_msg"]
    assert parent.get() == "the cell"


def test_kernels_without_the_parts_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipykernel._version, "version_info", (6, 29, 5))
    thread = SimpleNamespace(manager=SimpleNamespace())
    stream = SimpleNamespace(socket=object())
    for parts in (
        {},
        {"shell_stream": None},
        {"shell_stream": stream},
        {"shell_channel_thread": thread},
        {"shell_channel_thread": thread, "shell_stream": stream},
    ):
        kernel = SimpleNamespace(comm_manager=None, **parts)
        for function in (read_early, send_replies_by_stream, end_subshells_first):
            function(kernel)
            function(None)
            function(object())
    assert vars(thread.manager) == {}


def test_kernels_that_need_it_no_more_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipykernel._version, "version_info", (7, 4, 0))
    kernel = Kernel()
    read_early(kernel)
    assert kernel.shell_stream.set == 0
