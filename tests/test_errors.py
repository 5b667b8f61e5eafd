"""Errors: codes are unique, stable, and those of the specification."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from kcomm import errors
from kcomm.errors import KcommError, from_code

CODES = {
    "KcommError": "kcomm.error",
    "ProtocolError": "kcomm.protocol_error",
    "BadValueError": "kcomm.bad_value",
    "TooLargeError": "kcomm.too_large",
    "TooDeepError": "kcomm.too_deep",
    "BadArgumentsError": "kcomm.bad_arguments",
    "UnknownMethodError": "kcomm.unknown_method",
    "UnknownTargetError": "kcomm.unknown_target",
    "RemoteError": "kcomm.handler_error",
    "CallCancelledError": "kcomm.cancelled",
    "CallTimeoutError": "kcomm.timeout",
    "SessionLostError": "kcomm.session_lost",
    "ChannelClosedError": "kcomm.closed",
    "BufferFullError": "kcomm.buffer_full",
    "WouldBlockError": "kcomm.would_block",
    "NoKernelError": "kcomm.no_kernel",
}


def classes() -> dict[str, type[KcommError]]:
    found = vars(errors).items()
    return {name: value for name, value in found if inspect.isclass(value) and issubclass(value, KcommError)}


def test_codes_are_pinned():
    assert {name: cls.default_code for name, cls in classes().items()} == CODES


def test_codes_are_unique():
    assert len(set(CODES.values())) == len(CODES)


def test_codes_are_in_the_specification():
    text = (Path(__file__).parents[1] / "docs/protocol.md").read_text(encoding="utf-8")
    section = text[text.index("## 8. Codes") :]
    specified = set(re.findall(r"`(kcomm\.\w+)`", section))
    assert set(CODES.values()) - {"kcomm.error"} <= specified


@pytest.mark.parametrize("cls", classes().values())
def test_a_code_becomes_its_class(cls):
    error = from_code(cls.default_code, "what happened", {"a": 1})
    assert type(error) is (errors.RemoteError if cls is KcommError else cls)
    assert (error.code, error.message, error.data) == (cls.default_code, "what happened", {"a": 1})
    assert str(error) == f"what happened [{cls.default_code}]"


def test_an_unknown_code_is_kept():
    error = from_code("app.no_such_thing", "no")
    assert type(error) is errors.RemoteError
    assert error.code == "app.no_such_thing"


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("BadValueError", ValueError),
        ("BadArgumentsError", TypeError),
        ("CallTimeoutError", TimeoutError),
        ("SessionLostError", ConnectionError),
        ("ChannelClosedError", ConnectionError),
        ("WouldBlockError", RuntimeError),
        ("NoKernelError", RuntimeError),
    ],
)
def test_errors_are_caught_as_what_python_calls_them(name, builtin):
    assert issubclass(classes()[name], builtin)


def test_a_code_of_its_own():
    error = KcommError("no", code="app.no", data={"a": 1})
    assert (error.code, error.data) == ("app.no", {"a": 1})


def test_errors_can_be_copied_to_another_process():
    error = pickle.loads(pickle.dumps(errors.BadValueError("no", data={"a": 1})))
    assert type(error) is errors.BadValueError
    assert error.message == "no"
