"""The protocol, sans-I/O: no Jupyter, no threads, no clock. See ``docs/protocol.md``."""

from kcomm.protocol import events
from kcomm.protocol.greetings import PROTOCOL_VERSION
from kcomm.protocol.limits import Limits
from kcomm.protocol.session import Session

__all__ = ["PROTOCOL_VERSION", "Limits", "Session", "events"]
