"""Video: sequences of frames that build on the one before, and what a receiver makes of them."""

from __future__ import annotations

from tests.vectors.frame_cases import RED, Case, data_of, message, sequence
from tests.vectors.streams import COLOURS, H264, HEIGHT, VP9, WIDTH
from tests.vectors.wire import Json

STREAMS = {"h264": H264, "vp9": VP9}
NO_FRAME = "kcomm.no_frame"
BAD = "kcomm.bad_value"
GARBAGE = b"nothing of that kind, and long enough to be taken for something"


def video_cases() -> list[Case]:
    """Return the cases of video.json."""
    return [
        *(whole(codec) for codec in STREAMS),
        *(lost(codec) for codec in STREAMS),
        *(broken(codec) for codec in STREAMS),
        in_the_middle(),
        twice(),
        other_codecs(),
        other_sizes(),
        no_key(),
        refused(),
    ]


def whole(codec: str) -> Case:
    """Return a sequence of which everything comes; the indices skip some."""
    return video(
        f"{codec}: a key frame, and what builds on it",
        seen(codec, 0, 3),
        seen(codec, 1, 4, 3),
        seen(codec, 2, 9, 4),
        seen(codec, 3, 10),
    )


def lost(codec: str) -> Case:
    """Return a sequence of which a frame is lost."""
    return video(
        f"{codec}: a frame was lost",
        seen(codec, 0, 0),
        failed(codec, 2, 2, 1, NO_FRAME, wants=1),
        failed(codec, 2, 3, 2, NO_FRAME, wants=1),
        seen(codec, 3, 4, wants=1),
        failed(codec, 1, 6, 5, NO_FRAME, wants=2),
    )


def broken(codec: str) -> Case:
    """Return a sequence with broken frames."""
    return video(
        f"{codec}: broken data",
        seen(codec, 0, 0),
        failed(codec, GARBAGE, 1, 0, BAD, wants=1),
        failed(codec, 2, 2, 1, NO_FRAME, wants=1),
        failed(codec, GARBAGE, 3, None, BAD, wants=1),
        failed(codec, b"", 4, None, BAD, wants=1),
        seen(codec, 3, 5, wants=1),
        failed(codec, b"", 6, 5, BAD, wants=2),
    )


def in_the_middle() -> Case:
    """Return a sequence whose beginning was missed; nobody sends a key frame for a while."""
    return video(
        "a key frame is asked for again after a second",
        {**failed("h264", 1, 1, 0, NO_FRAME, wants=1), "at": 0},
        {**failed("h264", 2, 2, 1, NO_FRAME, wants=1), "at": 999},
        {**failed("h264", 2, 3, 2, NO_FRAME, wants=2), "at": 1000},
        {**failed("h264", 2, 4, 3, NO_FRAME, wants=2), "at": 1999},
        {**seen("h264", 3, 5, wants=2), "at": 2000},
    )


def twice() -> Case:
    """Return a sequence in which a frame comes twice."""
    return video(
        "a frame that comes again",
        seen("h264", 0, 0),
        seen("h264", 1, 1, 0),
        failed("h264", 1, 1, 0, NO_FRAME, wants=1),
        seen("h264", 2, 2, 1, wants=1),
    )


def other_codecs() -> Case:
    """Return a sequence of several codecs."""
    plain = {"index": 1, "codec": "raw", "width": 1, "height": 1, "data": data_of(RED)}
    return video(
        "other codecs in between",
        seen("h264", 0, 0),
        {"frame": plain, "pixels": [[0, 0, list(RED[:3])]], "wants": 0},
        seen("h264", 1, 2, 0),
        failed("vp9", 1, 3, 2, BAD, wants=1),
        seen("vp9", 0, 4, wants=1),
        seen("vp9", 1, 5, 4, wants=1),
        seen("h264", 3, 6, wants=1),
    )


def other_sizes() -> Case:
    """Return a sequence whose frames claim another size than they have."""
    return video(
        "another size than was announced",
        resized(failed("h264", 0, 0, None, BAD, wants=1), 32, 18),
        resized(failed("h264", 0, 1, None, BAD, wants=1), 33, 20),
        resized(failed("vp9", 0, 2, None, BAD, wants=1), 66, 36),
        resized(failed("h264", 0, 3, None, BAD, wants=1), 31, 17),
        seen("h264", 0, 4, wants=1),
        resized(failed("h264", 1, 5, 4, BAD, wants=2), 34, 18),
    )


def no_key() -> Case:
    """Return a sequence that begins with what is no key frame, whatever it says."""
    return video(
        "data of a frame that builds on another, as a key frame",
        failed("h264", 1, 0, None, BAD, wants=1),
        failed("vp9", 1, 1, None, BAD, wants=1),
        seen("h264", 0, 2, wants=1),
    )


def refused() -> Case:
    """Return messages that are no frames."""
    h264 = frame("h264", 1, 5, 4)
    still = {"index": 5, "codec": "raw", "width": 1, "height": 1, "data": data_of(RED)}
    frames: list[Case] = [
        {**still, "after": 4},
        *({**h264, "after": value} for value in (-1, 0.5, "4", 5, 6, {"$int": "9007199254740992"})),
        {**h264, "id": 1},
        {**h264, "base": 4},
        {**h264, "key": {**message(0, still), "id": 1}},
    ]
    return video(
        "messages that are no frames",
        *({"frame": one, "error": BAD, "rejected": True, "wants": 0} for one in frames),
    )


# --- steps ---------------------------------------------------------------------------------------


def video(name: str, *steps: Case) -> Case:
    """Return a case."""
    indices = [step["frame"]["index"] for step in steps]
    case = sequence(name, *steps)
    for step, index in zip(case["steps"], indices, strict=True):
        step["frame"]["index"] = index
    return case


def frame(codec: str, data: int | bytes, index: int, after: int | None) -> Case:
    """Return a frame message, with data by their number in the stream or as they are."""
    if isinstance(data, int):
        data = STREAMS[codec][data]
    size: Case = {"width": WIDTH, "height": HEIGHT}
    more: Case = {} if after is None else {"after": after}
    return {"index": index, "codec": codec, **size, "data": data_of(data), **more}


def seen(codec: str, number: int, index: int, after: int | None = None, *, wants: int = 0) -> Case:
    """Return a step with a frame that can be decoded; the middles of its quarters."""
    points: list[Json] = [
        [x, y, list(COLOURS[(at + number) % 4])]
        for at, (x, y) in enumerate([(8, 4), (25, 4), (8, 13), (25, 13)])
    ]
    return {"frame": frame(codec, number, index, after), "pixels": points, "wants": wants}


def failed(codec: str, data: int | bytes, index: int, after: int | None, error: str, *, wants: int) -> Case:
    """Return a step with a frame that can't be decoded."""
    return {"frame": frame(codec, data, index, after), "error": error, "wants": wants}


def resized(step: Case, width: int, height: int) -> Case:
    """Return a step whose frame claims another size."""
    step["frame"] |= {"width": width, "height": height}
    return step
