"""Until there is a picture, and what is held for it: against `to_jshtml`; memory while frames go by."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, find
from benchmarks.processes import Memory, Processes
from benchmarks.stages import KCOMM, Show, Stage, describe, open_page

TITLE = "First frame and memory"
TEXT = """\
Against `HTML(animation.to_jshtml())`, whose limit of 20 MB is lifted: from running the cell until a frame is
painted; and what the kernel's process, the page's process and the notebook's output hold then that they did
not before. Once for each, in a fresh kernel, at 320x240, as `to_jshtml` draws all frames before it shows one.

Then the memory of both processes after so many frames were painted, all of them different ones, in a browser
that repaints as often as it can; *script* is what JavaScript holds. The cache for frames that were shown
before is limited to 2 MB, so that it is full after the first thousand."""

JSHTML = "to_jshtml"
SIZE = (320, 240)
COUNTS = (1000, 10_000)
#: Above this, to_jshtml has its turn only if it may take many minutes.
MAX_JSHTML = 1000
LONG_ONLY = "not measured: it takes many minutes (`--long`)"
#: Milliseconds.
PATIENCE = 3_600_000
CACHE = 2_000_000
PAINTED = (1000, 5000, 10_000)
KERNEL, PAGE, SCRIPT = "kernel", "page", "script"
#: How much larger a process may be after twice as many frames.
LEVEL = 1.05

CELLS = {
    KCOMM: """\
seed = Seed(plt.figure(figsize=(3.2, 2.4), dpi=100))
kcomm.animate(seed.animation(frames={count}))""",
    JSHTML: """\
plt.rcParams["animation.embed_limit"] = 2**20
seed = Seed(make_figure(320, 240))
__import__("IPython.display").display.HTML(seed.animation(frames={count}).to_jshtml())""",
}


def run(bench: Bench) -> list[Case]:
    """Measure first frames, then memory."""
    cases = []
    for count in COUNTS:
        cases += measure_first(bench, count)
    return [*cases, *measure_memory(bench)]


def measure_first(bench: Bench, count: int) -> list[Case]:
    """Show an animation of so many frames with each contender."""
    name = f"{count:,} frames".replace(",", " ")
    first = Case(f"{name}: until one is painted", "ms")
    kernel, page, output = (Case(f"{name}: {what}", "MB") for what in ("kernel", "page", "output"))
    cases = [first, kernel, page, output]
    for contender, source in CELLS.items():
        if contender == JSHTML and count > MAX_JSHTML and not bench.is_long:
            for case in cases:
                case.fail(contender, LONG_ONLY)
            continue
        try:
            opened = open_page(bench, [source.format(count=count)])
            processes = Processes(opened)
            before = processes.memory()
            milliseconds = opened.call("firstFrame", 1, PATIENCE)
            after = processes.memory()
            nbytes = opened.call("outputBytes", 1)
            opened.close()
        except Exception as error:
            for case in cases:
                case.fail(contender, describe(error))
            continue
        first.add(contender, milliseconds)
        kernel.add(contender, max(0.0, after.kernel - before.kernel))
        page.add(contender, max(0.0, after.page - before.page))
        output.add(contender, nbytes / 1e6)
    return cases


def measure_memory(bench: Bench) -> list[Case]:
    """Play for long, and look at the memory now and then."""
    cases = {what: Case(f"memory, {what}", "MB") for what in (KERNEL, PAGE, SCRIPT)}
    show = Show(KCOMM, SIZE, f"cache={CACHE}")
    try:
        stage = Stage(bench, [show], is_rushed=True)
        processes = Processes(stage.page)
        painted = 0
        for goal in PAINTED:
            painted += stage.play_on(show, goal - painted)
            if painted < goal:
                raise ValueError(f"only {painted} frames were painted in the time there is")
            take(cases, f"after {goal:,} frames".replace(",", " "), processes.memory())
        stage.page.close()
    except Exception as error:
        for case in cases.values():
            case.fail(KCOMM, describe(error))
    return list(cases.values())


def take(cases: dict[str, Case], when: str, memory: Memory) -> None:
    """Take the memory down."""
    for what, megabytes in ((KERNEL, memory.kernel), (PAGE, memory.page), (SCRIPT, memory.script)):
        cases[what].add(when, megabytes)


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Memory is flat: twice the frames take no more of it."""
    verdicts = []
    for what in (KERNEL, PAGE):
        case = find(cases, f"memory, {what}")
        if case is None:
            continue
        name = f"memory of the {what} over 10 000 painted frames"
        budget = f"at most {LEVEL:g}x that after {PAINTED[1]:,}".replace(",", " ")
        if len(case.samples) < len(PAINTED) or not all(case.samples.values()):
            verdicts.append(Verdict(name, budget, "not measured", False))
            continue
        *_, middle, last = [case.median(when) for when in case.samples]
        verdicts.append(Verdict(name, budget, f"{last / middle:.2f}x", last <= LEVEL * middle))
    return verdicts
