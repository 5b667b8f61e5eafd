"""What changed in a figure since it was last drawn, artist by artist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import FigureBase

from kcomm.animation.drawing.dependence import Dependence, family_of
from kcomm.animation.drawing.parts import Changes, Group, Part, can_descend, state_of

#: Up to so many artists are compared with what they were, attribute by attribute; of more, only those that
#: are often changed by setting a bare attribute, as is an annotation's ``xy``.
COMPARED = 200


class Register:
    """The artists of a figure as they were when it was drawn.

    Matplotlib notes in ``Artist._stale`` what must be drawn again, and passes it on to axes and figure. It
    resets the note of what it draws, and not that of invisible or empty artists, so this resets them all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The whole figure, no subfigure.
    """

    def __init__(self, figure: Any) -> None:
        self._figure = figure
        self.forget()

    def forget(self) -> None:
        """Know nothing any more: everything counts as changed."""
        self.parts: dict[Any, Part] = {}
        self.groups: list[Group] = []
        self._containers: list[Part] = []
        self._flat: list[Any] = []
        self._owners: dict[Any, Part] = {}
        self._watched: list[tuple[Part, bool]] = []
        #: What is drawn anew each time.
        self.always: set[Part] = set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was taken down yet, or all was forgotten."""
        return not self.groups

    def part_of(self, artist: Any, group: Group | None) -> tuple[Part, bool]:
        """Return the part that an artist is, and whether it is a new one."""
        part = self.parts.get(artist)
        if part is not None:
            return part, False
        kind = Group if can_descend(artist) else Part
        part = self.parts[artist] = kind(artist, group)
        return part, True

    # --- what changed ----------------------------------------------------------------------------

    def find(self, returned: Iterable[Any] = ()) -> Changes:
        """Return what changed since `settle`.

        Parameters
        ----------
        returned : iterable of Artist
            What the animation's function says it changed.
        """
        if any(can_descend(part.artist) != isinstance(part, Group) for part in self._containers):
            self.forget()
        if self.is_empty:
            return Changes(everything=True, returned=set(returned))
        changes = Changes()
        owners = self._owners
        stale = [artist for artist in self._flat if artist._stale]
        # Limits set to what they are leave an axis noted though nothing is different.
        parts = {owners[artist] for artist in stale if not isinstance(artist, Axis)}
        parts |= {part for part, _ in self._watched if part not in parts and part.has_changed()}
        parts |= {owners[artist] for artist in returned if artist in owners}
        moved = {group for group in self.groups if self._has_moved(group, parts, changes)}
        changes.parts |= {part for part in parts if type(part) is Part}
        if self.groups[0] in moved:
            changes.everything = True
        elif moved:
            self._add_moved(moved, changes)
        self._add_dependents(changes)
        if not changes.layout:
            changes.layout = bool(moved) or any(not is_apart(part.artist) for part in changes.parts)
        return changes

    def _has_moved(self, group: Group, noted: set[Part], changes: Changes) -> bool:
        """Whether a group itself is set differently; what came to it or left it is taken down."""
        children = group.artist.get_children()
        if children != group.children:
            self._compare(group, children, changes)
        unstale = getattr(group.artist, "_unstale_viewLim", None)
        if unstale is not None:
            unstale()  # limits are found late; each draw begins with this
        if state_of(group.artist) != group.state:
            return True
        if children != group.children:
            return False
        # Noted, and neither does it look different nor did anything in it change: something unknown did.
        if group not in noted or any(_is_within(part, group) for part in noted if part is not group):
            return False
        return not any(artist.stale for artist in group.children if isinstance(artist, Axis))

    def _compare(self, group: Group, children: list[Any], changes: Changes) -> None:
        changes.parts.add(group)
        known = set(group.children)
        for artist in children:
            if artist not in known:
                part, _ = self.part_of(artist, group)
                changes.parts.add(part)
                changes.layout |= isinstance(part, Group) or not is_apart(artist)
        for artist in known.difference(children):
            # It is unclipped now that it is removed from its axes; what it was is not known any more.
            changes.layout |= not isinstance(artist, Artist) or artist.get_in_layout()
        for part in self._members(group):
            if part.dependence is Dependence.NEIGHBOURS:
                changes.parts.add(part)

    def _add_moved(self, moved: set[Group], changes: Changes) -> None:
        """Limits, places and scales changed: so does all that is drawn by them."""
        related = {artist for group in moved for artist in family_of(group.artist)}
        for group in self.groups:
            if group in moved or group.artist in related or any(_is_within(group, one) for one in moved):
                changes.moved.add(group)
                changes.parts.update(self._members(group))
        for part in self.parts.values():
            if part.dependence in (Dependence.PLACES, Dependence.NEIGHBOURS):
                changes.parts.add(part)

    def _add_dependents(self, changes: Changes) -> None:
        changed = [part.artist for part in changes.parts if isinstance(part.artist, Axis)]
        if changed:
            self._add_beside_axis(changed, changes)
        groups = {part.group for part in changes.parts}
        for part in self.parts.values():
            if part.dependence is Dependence.NEIGHBOURS and part.group in groups:
                changes.parts.add(part)

    def _add_beside_axis(self, changed: list[Any], changes: Changes) -> None:
        """Ticks are shared with other axes, and titles and aligned labels stand clear of them."""
        related = {(axes, axis.axis_name) for axis in changed for axes in family_of(axis.axes)}
        aligned = has_aligned_labels(self._figure)
        for part in self.parts.values():
            is_related = False
            if isinstance(part.artist, Axis):
                axis: Any = part.artist
                is_related = aligned or (axis.axes, axis.axis_name) in related
            if is_related or part.dependence is Dependence.PLACES:
                changes.parts.add(part)

    def _members(self, group: Group) -> Iterator[Part]:
        for artist in group.children:
            part = self.parts.get(artist)
            if part is not None and type(part) is Part:
                yield part

    # --- after a draw ----------------------------------------------------------------------------

    def is_touched(self) -> bool:
        """Whether anything was noted or set since `settle`, as far as a quick look tells."""
        if any(artist._stale for artist in self._flat):
            return True
        return any(state_of(group.artist) != group.state for group in self.groups)

    def settle(self, changes: Changes) -> set[Part]:
        """Take everything down as it is now, just drawn, and return what is gone."""
        has_new = changes.everything or self.is_empty
        for part in list(self.parts.values()) if changes.everything else changes.parts:
            has_new |= isinstance(part, Group)
            if part.artist in self.parts and (part.inner or part.watch):
                inner = part.inner
                part.refresh()
                has_new |= part.inner != inner
        gone = self._list_all() if has_new else set()
        if not has_new:
            for group in self.groups:
                group.state = state_of(group.artist)
        for artist in self._flat:
            artist._stale = False
        for part, closely in self._watched:
            part.look(closely)
        return gone

    def _list_all(self) -> set[Part]:
        """Take down which artists there are, and return which are there no more."""
        self.groups = list(self._walk())
        self._owners = {}
        for group in self.groups:
            self._owners[group.artist] = group
            for artist in group.children:
                part, _ = self.part_of(artist, group)
                self._owners[artist] = part
                for inner in part.inner:
                    self._owners.setdefault(inner, part)
        self._flat = list(self._owners)
        gone = {part for artist, part in self.parts.items() if artist not in self._owners}
        for part in gone:
            del self.parts[part.artist]
        self._containers = [
            part for part in self.parts.values() if isinstance(part.artist, (FigureBase, Axes))
        ]
        self._find_unknown()
        few = len(self.parts) <= COMPARED
        self._watched = []
        for part in self.parts.values():
            special = isinstance(part.artist, Axis) or part.dependence is not Dependence.ITSELF
            closely = type(part) is Part and (few or special)
            if closely or part.watch is not None:
                self._watched.append((part, closely))
        return gone

    def _find_unknown(self) -> None:
        unknown = {part for part in self.parts.values() if part.dependence is Dependence.UNKNOWN}
        groups = {part.group for part in unknown}
        beside = {
            part
            for part in self.parts.values()
            if part.dependence is Dependence.NEIGHBOURS and part.group in groups
        }
        self.always = unknown | beside

    def places(self, except_for: Set[Group] = frozenset()) -> dict[Group, Any]:
        """Return the limits of axes and their places in the figure."""
        return {
            group: (group.artist.viewLim.get_points().tobytes(), group.artist.get_position().bounds)
            for group in self.groups
            if isinstance(group.artist, Axes) and group not in except_for
        }

    def _walk(self) -> Iterator[Group]:
        """Yield the groups as they are now, from the figure down."""
        root, _ = self.part_of(self._figure, None)
        waiting = [root]
        for group in waiting:
            if not isinstance(group, Group):
                continue
            group.refresh()
            for artist in group.children:
                part, _ = self.part_of(artist, group)
                if isinstance(part, Group):
                    waiting.append(part)
            yield group


def is_apart(artist: Any) -> bool:
    """Whether layout engines need not know where an artist is."""
    if not artist.get_in_layout():
        return True
    clipped = getattr(artist, "_fully_clipped_to_axes", None)
    return bool(clipped and clipped())


def has_aligned_labels(figure: Any) -> bool:
    """Whether labels of several axes were aligned with each other."""
    groups = getattr(figure, "_align_label_groups", {})
    return any(len(group) > 1 for grouper in groups.values() for group in grouper)


def _is_within(part: Part, group: Group) -> bool:
    above = part.group
    while above is not None:
        if above is group:
            return True
        above = above.group
    return False
