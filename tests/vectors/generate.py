"""Makes the vectors: ``python -m tests.vectors.generate``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.vectors.frame_cases import frame_cases, sequence_cases
from tests.vectors.invalid_cases import invalid_cases
from tests.vectors.packet_cases import array_cases, packet_cases
from tests.vectors.session_cases import session_cases
from tests.vectors.video_cases import video_cases
from tests.vectors.wire import Json

HERE = Path(__file__).parent


def make_files() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {
        "packets.json": to_text(packet_cases()),
        "arrays.json": to_text(array_cases()),
        "invalid_packets.json": to_text(invalid_cases()),
        "sessions.json": to_text(session_cases()),
        "frames.json": to_text(frame_cases()),
        "bases.json": to_text(sequence_cases()),
        "video.json": to_text(video_cases()),
    }


def to_text(cases: list[Json]) -> str:
    """Return JSON with a line for each case, or for each step of one."""
    names = [case["name"] for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"names used twice: {twice}"
    return '{"cases": [\n' + ",\n".join("".join(lines(case)) for case in cases) + "\n]}\n"


def lines(case: Json) -> Iterator[str]:
    """Yield the pieces of a case."""
    if "steps" not in case:
        yield compact(case)
        return
    head = compact({key: value for key, value in case.items() if key != "steps"})
    yield head[:-1] + ', "steps": [\n  '
    yield ",\n  ".join(map(compact, case["steps"]))
    yield "\n]}"


def compact(value: Json) -> str:
    """Return JSON on one line."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


if __name__ == "__main__":
    for name, text in make_files().items():
        (HERE / name).write_text(text, encoding="ascii")
