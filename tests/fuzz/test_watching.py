"""The watch over many inputs notices what it is for."""

from pathlib import Path

import pytest

from tests.fuzz import watching
from tests.fuzz.watching import KEPT_FROM, feed, write

PAGE = "before\n<!-- figures: fuzz -->\n<!-- /figures -->\nafter\n"


def test_a_failure_names_its_seed() -> None:
    def play(seed: int) -> None:
        assert seed != 7

    with pytest.raises(AssertionError) as found:
        feed("x", play, 10)
    assert found.value.__notes__ == ["seed 7"]


def test_what_stays_in_memory_is_noticed() -> None:
    kept: list[bytes] = []
    with pytest.raises(AssertionError, match=r"100 inputs left [0-9]+ octets behind"):
        feed("x", lambda seed: kept.append(bytes([seed]) * 1_000_000), 100)


def test_an_input_that_takes_long_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SLOWEST", 0.0)
    with pytest.raises(AssertionError, match=r"seed 0 took 0\.0 s"):
        feed("x", lambda seed: None, 10)


def test_the_document_keeps_one_row_of_each(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    for name, slowest in (("pop3", "1 ms"), ("imap", "2 ms"), ("pop3", "3 ms")):
        write([name, f"{KEPT_FROM:,}", "0", slowest, "0.0 MB"], page)
    assert page.read_text().splitlines()[4:6] == [
        "| pop3 | 1,000,000 | 0 | 3 ms | 0.0 MB |",
        "| imap | 1,000,000 | 0 | 2 ms | 0.0 MB |",
    ]
