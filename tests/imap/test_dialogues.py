"""Whole conversations, from files that people can read, each fed whole, octet by octet, and in odd pieces."""

from pathlib import Path

import pytest

from tests.imap.feeding import DIALOGUES, Dialogue


@pytest.mark.parametrize("size", [None, 1, 7], ids=["whole", "octets", "sevens"])
@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_dialogue(path: Path, size: int | None) -> None:
    Dialogue(path, size).play()


def test_there_are_dialogues() -> None:
    assert len(DIALOGUES) >= 10
