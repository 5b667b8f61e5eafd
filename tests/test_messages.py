"""Messages: kinds, ids and the types of fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcomm.errors import ProtocolError
from kcomm.protocol.messages import FIELDS, FIRST_EXTENSION, MAX_ID, WITH_ID, Kind, is_count, parse
from tests import strategies

EXAMPLES: dict[Kind, list[Any]] = {
    Kind.HELLO: [0, [1], {}],
    Kind.WELCOME: [0, 1, {}],
    Kind.CALL: [1, "m", [], 0, {}],
    Kind.NEXT: [1, 0, None],
    Kind.END: [1, 0, None],
    Kind.ERROR: [1, "c", "m", None],
    Kind.CANCEL: [1, "r"],
    Kind.CREDIT: [1, 2, 0],
    Kind.EVENT: [0, "t", 0, None],
    Kind.NACK: [0, 1, 1],
    Kind.PART: [1, 0, [1], b"a"],
    Kind.BYE: [0, "c", "m"],
    Kind.PROBE: [0, 1],
}


def test_kinds_are_numbered_as_specified():
    names = "HELLO WELCOME CALL NEXT END ERROR CANCEL CREDIT EVENT NACK PART BYE PROBE"
    assert [kind.name for kind in Kind] == names.split()
    assert list(Kind) == list(range(13))
    assert FIELDS.keys() == EXAMPLES.keys() == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_message_is_taken_apart(kind):
    id_, *fields = EXAMPLES[kind]
    assert parse([int(kind), id_, *fields]) == (kind, id_, fields)


@pytest.mark.parametrize("kind", Kind)
def test_fields_of_later_versions_are_left_out(kind):
    id_, *fields = EXAMPLES[kind]
    assert parse([int(kind), id_, *fields, "more", {"and": "more"}]) == (kind, id_, fields)


@pytest.mark.parametrize("kind", Kind)
def test_a_field_too_few(kind):
    with pytest.raises(ProtocolError, match=f"{kind.name} needs {len(FIELDS[kind])} fields"):
        parse([int(kind), *EXAMPLES[kind][:-1]])


@pytest.mark.parametrize("kind", Kind)
def test_ids(kind):
    _, *fields = EXAMPLES[kind]
    takes_id = kind in WITH_ID or kind in (Kind.ERROR, Kind.PART)
    for id_, is_fine in [(0, kind not in WITH_ID), (1, takes_id), (MAX_ID, takes_id)]:
        if is_fine:
            assert parse([int(kind), id_, *fields]) is not None
        else:
            with pytest.raises(ProtocolError, match=f"{kind.name} (needs an id|has no id)"):
                parse([int(kind), id_, *fields])


@given(st.sampled_from(Kind), st.lists(strategies.plain_values, max_size=6))
def test_fields_of_any_type_are_taken_or_refused(kind, fields):
    try:
        parsed = parse([int(kind), *fields])
    except ProtocolError:
        return
    assert parsed is not None
    for (_, is_valid), field in zip(FIELDS[kind], parsed[2], strict=True):
        assert is_valid(field)


@given(st.integers(FIRST_EXTENSION, MAX_ID), st.lists(strategies.plain_values, max_size=3))
def test_extensions_are_ignored(kind, fields):
    assert parse([kind, 0, *fields]) is None


@pytest.mark.parametrize("kind", range(13, FIRST_EXTENSION))
def test_reserved_kinds(kind):
    with pytest.raises(ProtocolError, match=f"kind {kind} is not known"):
        parse([kind, 0, None, None, None, None])


@pytest.mark.parametrize(
    "message", [None, 5, "text", b"", {}, [], [8], ["8", 0], [8, "0"], [8, -1], [-1, 0], [True, 0]]
)
def test_what_is_no_message(message):
    with pytest.raises(ProtocolError):
        parse(message)


@given(strategies.plain_values)
def test_counts(value):
    assert is_count(value) == (type(value) is int and 0 <= value <= 2**53 - 1)
