"""The public msgpack-test-suite (kawanet): what is read, and apart from it what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kcomm.errors import BadValueError
from kcomm.protocol import values

SUITE = Path(__file__).parents[1] / "js/node_modules/msgpack-test-suite/dist/msgpack-test-suite.json"


def load() -> list[Any]:
    if not SUITE.exists():
        pytest.fail(f"{SUITE} is missing: run `npm ci` in js/, or `make`, which does", pytrace=False)
    groups = json.loads(SUITE.read_text(encoding="utf-8"))
    return [case for group in groups.values() for case in group]


@pytest.fixture(scope="module")
def suite() -> list[Any]:
    return load()


def encodings(case: Any) -> list[bytes]:
    return [bytes.fromhex(form.replace("-", "")) for form in case["msgpack"]]


def expected(case: Any) -> Any:
    if "bignum" in case:
        return int(case["bignum"])
    if "binary" in case:
        return bytes.fromhex(case["binary"].replace("-", ""))
    [value] = [value for key, value in case.items() if key != "msgpack"]
    return value


def is_value(case: Any) -> bool:
    return not case.keys() & {"timestamp", "ext"}


def test_the_suite_is_whole(suite):
    assert len(suite) == 85
    assert sum(len(case["msgpack"]) for case in suite) == 233


def test_every_form_is_read(suite):
    for case in filter(is_value, suite):
        for form in encodings(case):
            value = values.decode(form, [])
            values.check([value], 64)
            assert value == expected(case), form.hex()
            assert isinstance(value, bool) == isinstance(expected(case), bool)


def test_the_smallest_form_is_written(suite):
    for case in filter(is_value, suite):
        value = expected(case)
        body, attachments = values.encode([value], 64)
        assert attachments == []
        # Reals of 32 bits are read, but never written; integers are not written as reals.
        heads = b"\xcb" if isinstance(value, float) else bytes(set(range(256)) - {0xCA, 0xCB})
        forms = [form for form in encodings(case) if form[0] in heads]
        assert body[1:] in forms
        assert len(body) - 1 == min(map(len, forms)), case


def test_ext_types_and_timestamps_are_refused(suite):
    for case in suite:
        if is_value(case):
            continue
        for form in encodings(case):
            value = values.decode(form, [])
            # Those of type 1 are refused, too: their payloads are no arrays.
            with pytest.raises(BadValueError):
                values.check([value], 64)
