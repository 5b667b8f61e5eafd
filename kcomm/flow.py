"""How far a stream may go: what its consumer granted, and how much of it is used."""

from __future__ import annotations

from kcomm.protocol.session import Session


class Flow:
    """The flow of one stream, for the handler that makes its items.

    A stream's handler with a parameter annotated ``Flow`` is given it. One that takes long over an item can
    begin several at once, and yet never makes one that nobody asked for.

    Parameters
    ----------
    session : Session
        Where the stream is served.
    id_ : int
        That of the call.

    Examples
    --------
    >>> @target.stream  # doctest: +SKIP
    ... async def tiles(count: int, flow: kcomm.Flow):
    ...     begun = deque()
    ...     for i in range(count):
    ...         begun.append(asyncio.ensure_future(render(i)))
    ...         if len(begun) >= flow.room:
    ...             yield await begun.popleft()
    ...     for tile in begun:
    ...         yield await tile
    """

    def __init__(self, session: Session, id_: int) -> None:
        self._session = session
        self._id = id_

    @property
    def room(self) -> int:
        """Items that were granted and are not sent yet; at least 1 while the handler makes one."""
        return self._session.credit(self._id)

    @property
    def done(self) -> int:
        """Items that the consumer is done with, or that were lost on the way."""
        return self._session.progress(self._id)[1]

    @property
    def sent(self) -> int:
        """Items that were sent."""
        return self._session.progress(self._id)[0]
