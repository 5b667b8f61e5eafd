"""Draws and encodes the frames of one player, on threads of their own: encoding overlaps the next draw."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from kcomm.animation.drawing.prefetch import PooledSource, Rendered
from kcomm.animation.drawing.sequence import FrameRangeError, walking_while
from kcomm.animation.drawing.sources import Source
from kcomm.animation.kept import Kept, Version
from kcomm.animation.meter import PlayerMeter
from kcomm.animation.store import Made
from kcomm.animation.ticket import Ticket
from kcomm.animation.turns import Job, Turns, Wanted
from kcomm.errors import ChannelClosedError, RemoteError
from kcomm.frames import Frame, delta
from kcomm.frames.encoder import Encoder
from kcomm.runtime import Lane, Worker
from kcomm.words import told

#: Frames that are drawn and not yet encoded. One is encoded while the next is drawn; a second keeps the
#: encoder busy over a frame that took long. Each holds its pixels.
_UNENCODED = 2


class Pipeline:
    """Makes encoded frames, each once for all who ask for it at a time.

    Parameters
    ----------
    name : str
        What its threads are called.
    source : Source
        Draws the frames.
    encoder : Encoder
        Encodes them, where the source does not.
    meter : PlayerMeter
        Counts what is drawn.
    cache : int
        Bytes of frames that are kept.
    log : callable
        Takes down the number of a frame that could not be drawn, and why, before the one who waits hears it.
    on_failure : callable
        Told the same afterwards: of the user's functions nobody knows how long they take.

    Notes
    -----
    Its threads begin with the first frame, and run in the context it was made in: what is printed there
    appears under that cell. Nothing ever waits for them, so a draw that does not end holds up this player
    and no other.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        encoder: Encoder,
        meter: PlayerMeter,
        *,
        cache: int,
        log: Callable[[int, BaseException], object],
        on_failure: Callable[[int, BaseException], object],
    ) -> None:
        self._source = source
        self._pool = source if isinstance(source, PooledSource) else None
        self._encoder = encoder
        self._meter = meter
        self._log = log
        self._on_failure = on_failure
        self._context = contextvars.copy_context()
        self._kept = Kept(source, cache)
        self._encoder_version = self._kept.version
        self._lock = threading.Lock()
        self._turns = Turns()
        self._jobs: dict[Wanted, Job] = {}
        self._under_way: set[Job] = set()
        #: Whether the thread that draws was told of frames that wait: once, however many they are.
        self._is_told = False
        self._is_closed = False
        most = self._pool.depth if self._pool else _UNENCODED
        self._lane = Lane(lambda: len(self._under_way) >= most)
        self._drawing = Worker(f"{name}-draw")
        self._encoding = Worker(f"{name}-encode")

    # --- what is asked for -----------------------------------------------------------------------

    def request(
        self, index: int, scale: float, *, exact: bool, lane: Hashable = None, budget: int | None = None
    ) -> Ticket:
        """Ask for a frame.

        Parameters
        ----------
        index : int
            Its number.
        scale : float
            What the figure's dpi is multiplied with.
        exact : bool
            Whether it has to be lossless.
        lane : hashable, optional
            Frames of one lane are drawn in the order they were asked for; those of none before all others.
        budget : int, optional
            Bytes that it should have at most, if it may be lossy.
        """
        scale = self._effective(scale)
        future: Future[Made] = Future()
        made = self._kept.get(index, scale, exact, is_at_rest=lane is None)
        if made is not None:
            future.set_result(made)
            return Ticket(self, None, future)
        # To look takes the longer the more artists there are, and frames that play come one after the other.
        version = self._kept.look() if lane is None else self._kept.version
        wanted = Wanted(version, index, scale, exact)
        with self._lock:
            if self._is_closed:
                raise ChannelClosedError("the player serves no pages any more")
            job = self._jobs.get(wanted)
            if job is None:
                job = self._jobs[wanted] = Job(wanted, budget)
            job.futures.append(future)
            if not job.is_begun:
                self._turns.put(job, lane)
            must_tell = bool(self._turns) and not self._is_told
            self._is_told = self._is_told or must_tell
        if must_tell:
            self._drawing.submit(self._context, self._draw_next, lane=self._lane)
        return Ticket(self, job, future)

    def find(self, index: int) -> Made | None:
        """Return a frame that is kept, at any scale."""
        return self._kept.find(index)

    def find_key(self, id: int) -> Future[Frame | None]:  # noqa: A002  # what a frame calls it
        """Look for a key frame."""
        key = self._kept.find_key(id)
        if key is None:
            # The encoder is used on one thread only.
            return self._encoding.submit(self._context, self._encoder.key, id)
        found: Future[Frame | None] = Future()
        found.set_result(key)
        return found

    def translate(self, made: Made, codec: str) -> Future[Frame]:
        """Write a frame in another codec, for a page that can't read its own."""
        return self._encoding.submit(self._context, _translated, made, codec)

    def leave(self, job: Job, future: Future[Made]) -> None:
        """Take note that somebody does not wait any more."""
        with self._lock:
            if future in job.futures:
                job.futures.remove(future)
            if job.futures or (job.is_begun and job.remote is None):
                return
            self._forget(job)
            self._turns.drop(job)
            remote = job.remote
        if remote is not None:
            remote.cancel()

    @property
    def cached_bytes(self) -> int:
        """Bytes of the frames that are kept."""
        return self._kept.nbytes

    def redraw(self) -> None:
        """Forget all frames: they may look different now."""
        self._kept.redraw()

    def close(self) -> None:
        """Draw nothing any more; what is under way is let go."""
        with self._lock:
            self._is_closed = True
            jobs = set(self._jobs.values()) | self._under_way
            waiting = [future for job in jobs for future in job.futures]
            self._jobs.clear()
            self._turns.clear()
        self._kept.close()
        for job in jobs:
            if job.remote is not None:
                job.remote.cancel()
        for future in waiting:
            future.cancel()
        self._drawing.close()
        self._encoding.close()

    def _effective(self, scale: float) -> float:
        """Return the scale, or 1 where it is known to have no effect."""
        return scale if self._source.scales or self._source.size is None else 1.0

    # --- on the thread that draws ----------------------------------------------------------------

    def _draw_next(self) -> None:
        with self._lock:
            job = self._turns.take()
            if job is not None:
                self._under_way.add(job)
            self._is_told = bool(self._turns)
            must_go_on = self._is_told
        if must_go_on:  # before it draws: a function that waits for a page makes way for the next
            self._drawing.submit(self._context, self._draw_next, lane=self._lane)
        if job is None:
            return
        try:
            # In this order: what is told after the look is not in the picture of this version.
            version = self._kept.version
            self._kept.tell_source()
            if self._pool is not None:
                self._begin(self._pool, job, version)
            else:
                self._draw(job, version)
        except BaseException as error:  # a function's SystemExit must not end the thread
            self._fail(job, error)

    def _draw(self, job: Job, version: Version) -> None:
        wanted = job.wanted
        frame = self._kept.find_pixels(wanted.index, wanted.scale, version) if wanted.exact else None
        if frame is None:
            begun = time.perf_counter()
            with walking_while(lambda: self._is_wanted(job)):
                pixels = self._source.draw(wanted.index, wanted.scale)
            took = (time.perf_counter() - begun) * 1e3
            frame = Frame.of(pixels, index=wanted.index, ms={"draw": took})
            self._meter.count("drawn")
        self._encoding.submit(self._context, self._encode, job, frame, version)

    def _is_wanted(self, job: Job) -> bool:
        """Whether somebody still waits; whoever asks after this said no gets a job of their own."""
        if not job.futures:
            with self._lock:
                if not job.futures:
                    self._forget(job)
                    return False
        return True

    def _begin(self, pool: PooledSource, job: Job, version: Version) -> None:
        """Have a frame drawn and encoded elsewhere."""
        wanted = job.wanted
        remote = pool.begin(wanted.index, wanted.scale, exact=wanted.exact, budget=job.budget)
        with self._lock:
            job.remote = remote
            is_left = not job.futures or self._is_closed
            if is_left:  # whoever asks from now on gets one of their own
                self._forget(job)
        if is_left:
            remote.cancel()
        remote.add_done_callback(
            lambda done: self._context.copy().run(self._take_rendered, pool, job, version, done)
        )

    def _take_rendered(self, pool: PooledSource, job: Job, version: Version, done: Future[Rendered]) -> None:
        try:
            frame = pool.take(done)
        except BaseException as error:
            self._fail(job, error)
        else:
            self._meter.count("drawn")
            self._finish(job, Made(frame), version)

    # --- on the thread that encodes --------------------------------------------------------------

    def _encode(self, job: Job, frame: Frame, version: Version) -> None:
        try:
            if version != self._encoder_version:
                self._encoder.reset()
                self._encoder_version = version
            encoded = self._encoder.encode(frame, exact=job.wanted.exact, budget=job.budget)
            key = None if encoded.base is None else self._encoder.key(encoded.base)
        except BaseException as error:
            self._fail(job, error)
        else:
            self._finish(job, Made(encoded, key), version, frame)

    # --- how it ends -----------------------------------------------------------------------------

    def _finish(self, job: Job, made: Made, version: Version, drawn: Frame | None = None) -> None:
        wanted = job.wanted
        # Of a function it shows only now whether scale had an effect.
        scale = self._effective(wanted.scale)
        self._kept.add(wanted.index, scale, wanted.exact, made, drawn, version)
        for future in self._end(job):
            if future.set_running_or_notify_cancel():
                future.set_result(made)

    def _fail(self, job: Job, error: BaseException) -> None:
        waiting = self._end(job)
        # Frames that do not exist, and those that nobody waits for any more, are no failures.
        is_failure = not isinstance(error, FrameRangeError) and not self._is_closed
        is_failure = is_failure and bool(waiting or job.remote is None)
        if is_failure:
            self._log(job.wanted.index, error)
        # An exit would end the loop that waits for it.
        answer = error if isinstance(error, Exception) else RemoteError(told(error))
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(answer)
        if is_failure:
            self._on_failure(job.wanted.index, error)

    def _end(self, job: Job) -> list[Future[Made]]:
        """Take note that a job has ended, and return who waits for it."""
        with self._lock:
            self._under_way.discard(job)
            self._forget(job)
            waiting, job.futures = job.futures, []
        self._drawing.wake(self._lane)
        return waiting

    def _forget(self, job: Job) -> None:
        """Give a job to nobody any more; the lock is held."""
        if self._jobs.get(job.wanted) is job:
            del self._jobs[job.wanted]


def _translated(made: Made, codec: str) -> Frame:
    frame, key = made.frame, made.key
    if key is None:
        pixels = frame.pixels
    else:
        assert isinstance(frame.data, bytes)
        pixels = delta.decode(frame.data, key.pixels, frame.width, frame.height)
    return Frame.of(pixels, index=frame.index, ms=frame.ms).encoded(codec, 1.0)
