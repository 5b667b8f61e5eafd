"""What `Player.to_html` and `Player.save` do: frames drawn one after the other, and written to a file."""

from __future__ import annotations

from typing import Any, Literal

from kcomm.animation.drawing.sources import Source
from kcomm.animation.keeping import page, writing
from kcomm.animation.keeping.files import check_place, path_of
from kcomm.animation.keeping.progress import progress_bar
from kcomm.animation.keeping.taking import numbers_of, taken
from kcomm.animation.service import DEFAULT_INTERVAL, AnimationService
from kcomm.errors import BadArgumentsError
from kcomm.frames.checks import check_fps, check_positive

HTML = (".html", ".htm")


def to_html(
    service: AnimationService, path: object, *, frames: Any, fps: Any, progress: bool, scale: float = 1.0
) -> None:
    """Write a page that plays the animation by itself; the parameters are those of `Player.to_html`."""
    service.check_open()
    file = path_of(path)
    numbers = numbers_of(frames, service.source.count)
    shown_fps = service.state.fps if fps is None else check_fps(fps)
    check_place(file)
    page.load_assets()
    with progress_bar(len(numbers), file.name, progress) as bar:
        page.write_page(
            file,
            taken(service.source, numbers, scale),
            len(numbers),
            lambda: {**service.info(), "fps": shown_fps, "index": 0, "linked": False},
            bar,
        )


def save(
    service: AnimationService,
    path: object,
    *,
    writer: Any,
    fps: Any,
    frames: Any,
    dpi: Any,
    progress: bool,
    options: dict[str, Any],
) -> None:
    """Write a file in the format that its suffix names; the parameters are those of `Player.save`."""
    service.check_open()
    file = path_of(path)
    is_page = writer is None and file.suffix.lower() in HTML
    if is_page and options:
        raise BadArgumentsError(f"a page takes no such options: {', '.join(options)}")
    if not is_page:
        writing.check_format(file, writer)
    numbers = numbers_of(frames, service.source.count)
    check_place(file)
    scale = _scale_of(service.source, dpi, numbers)
    if is_page:
        to_html(service, file, frames=numbers, fps=fps, progress=progress, scale=scale)
        return
    pace = _pace(service) if fps is None else check_positive("fps", fps)
    with progress_bar(len(numbers), file.name, progress) as bar:
        animation = writing.Animation(
            taken(service.source, numbers, scale), numbers, fps=pace, loop=bool(service.state.loop), bar=bar
        )
        writing.write_animation(file, animation, writer, **options)


def _pace(service: AnimationService) -> float:
    """Return the frames a second that the player shows: no viewer of the file can change them."""
    fps: float | Literal["max"] = service.state.fps
    if fps == "max":
        fps = 1000 / (service.interval or DEFAULT_INTERVAL)
    return fps * service.state.speed


def _scale_of(source: Source, dpi: Any, numbers: range) -> float:
    if dpi is None:
        return 1.0
    wanted = check_positive("dpi", dpi)
    if source.dpi is None:  # what a function returns shows with the first frame
        next(taken(source, numbers[:1]))
    if source.dpi is None:
        raise BadArgumentsError("dpi is for figures: arrays and images are kept as they are")
    return wanted / source.dpi
