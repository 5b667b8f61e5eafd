"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAMED = re.compile(r"`((?:tests|js/tests|kcomm|js/src|benchmarks|notebooks|docs)/[\w./-]+\.\w+)(?:::(\w+))?`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_tests_that_are_named_exist(document: Path) -> None:
    for name, test in NAMED.findall(document.read_text(encoding="utf-8")):
        assert (ROOT / name).is_file(), f"{name} is named, but not there"
        assert not test or f"def {test}(" in (ROOT / name).read_text(encoding="utf-8"), f"{name}::{test}"
