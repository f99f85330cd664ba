"""Plays every dialogue in `dialogues/`, with the device's octets cut in each of four ways."""

from pathlib import Path

import pytest

from tests.pop3.dialogue import CUTTINGS, Cutting, Stage, octets, read, whole, with_a_tail

FILES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))


@pytest.mark.parametrize("cutting", CUTTINGS, ids=lambda cutting: cutting.__name__)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_dialogue(path: Path, cutting: Cutting) -> None:
    Stage(read(path.read_text("utf-8")), cutting).play()


@pytest.mark.parametrize(
    "text",
    [
        "C: NOOP\nS: +OK",
        "C: QUIT\nE: Quit\nR: quit_accepted\nS: +OK\nE: Closed other",
        "C: QUIT\nE: Quit\nR: quit_accepted\nS: +OK",
        "C: CAPA\nS: +OK",
        "S: +OK",
        "X: what",
    ],
)
def test_a_wrong_dialogue_is_found_out(text: str) -> None:
    with pytest.raises(AssertionError):
        Stage(read(text), whole).play()


def test_octets_are_read() -> None:
    assert octets(r"a\0\r\n\t\x80\\{xy*3}") == b"a\0\r\n\t\x80\\xyxyxy"


def test_a_tail_loses_nothing() -> None:
    assert with_a_tail([b"abcdef", b"ghijkl", b"mn"]) == [b"abcdefghi", b"jklmn", b""]
