"""The errors of kcomm: every one has a stable ``code``, the same in Python, in JavaScript and on the wire."""

from __future__ import annotations

from typing import Any, ClassVar


class KcommError(Exception):
    """Base of every error that kcomm raises.

    Parameters
    ----------
    message : str
        What went wrong and what to do about it.
    code : str, optional
        The stable code; by default that of the class.
    data : dict, optional
        More for programs to read, as sent by the other end (``type``, ``may_have_run``).

    Examples
    --------
    >>> try:
    ...     raise KcommError("no such thing", code="kcomm.unknown_method")
    ... except KcommError as error:
    ...     print(error.code)
    kcomm.unknown_method
    """

    default_code: ClassVar[str] = "kcomm.error"

    def __init__(self, message: str, *, code: str | None = None, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.data = data

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class ProtocolError(KcommError):
    """The peers do not understand each other; the channel is closed."""

    default_code = "kcomm.protocol_error"


class BadValueError(KcommError, ValueError):
    """A value that cannot be sent, or that came in a form that cannot be read."""

    default_code = "kcomm.bad_value"


class TooLargeError(BadValueError):
    """A value beyond the size the other end accepts."""

    default_code = "kcomm.too_large"


class TooDeepError(BadValueError):
    """A value nested more deeply than the other end accepts."""

    default_code = "kcomm.too_deep"


class BadArgumentsError(KcommError, TypeError):
    """A call with the wrong number, names or types of arguments."""

    default_code = "kcomm.bad_arguments"


class UnknownMethodError(KcommError):
    """The other end has no method or stream of that name."""

    default_code = "kcomm.unknown_method"


class UnknownTargetError(KcommError):
    """Nobody serves a target of that name."""

    default_code = "kcomm.unknown_target"


class RemoteError(KcommError):
    """A handler at the other end raised; ``data["type"]`` names its exception."""

    default_code = "kcomm.handler_error"


class CallCancelledError(KcommError):
    """The call was given up."""

    default_code = "kcomm.cancelled"


class CallTimeoutError(KcommError, TimeoutError):
    """No answer within the time the caller gave."""

    default_code = "kcomm.timeout"


class SessionLostError(KcommError, ConnectionError):
    """The channel ended under the call; ``data["may_have_run"]`` says whether it may have run."""

    default_code = "kcomm.session_lost"


class ChannelClosedError(KcommError, ConnectionError):
    """The channel was closed, by either end."""

    default_code = "kcomm.closed"


class BufferFullError(KcommError):
    """Too much waits to be sent; wait, or send less."""

    default_code = "kcomm.buffer_full"


class WouldBlockError(KcommError, RuntimeError):
    """A blocking wait that could never end."""

    default_code = "kcomm.would_block"


class NoKernelError(KcommError, RuntimeError):
    """There is no kernel, or no front end, to talk to."""

    default_code = "kcomm.no_kernel"


_BY_CODE: dict[str, type[KcommError]] = {
    cls.default_code: cls
    for cls in (
        ProtocolError,
        BadValueError,
        TooLargeError,
        TooDeepError,
        BadArgumentsError,
        UnknownMethodError,
        UnknownTargetError,
        RemoteError,
        CallCancelledError,
        CallTimeoutError,
        SessionLostError,
        ChannelClosedError,
        BufferFullError,
        WouldBlockError,
        NoKernelError,
    )
}


def from_code(code: str, message: str, data: dict[str, Any] | None = None) -> KcommError:
    """Return the error that stands for a code from the wire (`RemoteError` for a handler's own)."""
    return _BY_CODE.get(code, RemoteError)(message, code=code, data=data)
