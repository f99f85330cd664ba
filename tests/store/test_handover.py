"""A copy of the database changes hands."""

import os
from pathlib import Path

import pytest

from bridge.model.failures import StoreUnavailable
from bridge.store.handover import LEFT_SECONDS, handover, must_be_free, take_over
from tests.store.support import files, mode


def copy_in(state: Path) -> Path:
    """Leave a copy in a state directory, as the daemon does."""
    state.mkdir(exist_ok=True)
    copy = handover(state)
    copy.write_bytes(b"SQLite" * 1000)
    return copy


def test_it_is_where_it_was_wanted_for_its_owner_alone(tmp_path: Path) -> None:
    target = tmp_path / "backup.sqlite3"
    take_over(copy_in(tmp_path / "state"), target)
    assert (target.read_bytes(), mode(target)) == (b"SQLite" * 1000, 0o600)
    assert files(tmp_path / "state") == []


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    target = tmp_path / "backup.sqlite3"
    target.write_text("last week's")
    with pytest.raises(StoreUnavailable, match="is there already"):
        must_be_free(target)
    with pytest.raises(StoreUnavailable, match="File exists"):
        take_over(copy_in(tmp_path / "state"), target)
    assert target.read_text() == "last week's"
    assert files(tmp_path / "state") == []


def test_a_link_that_leads_nowhere_is_something_too(tmp_path: Path) -> None:
    target = tmp_path / "backup.sqlite3"
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable, match="is there already"):
        must_be_free(target)


def test_where_there_is_no_directory_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="missing is no directory"):
        must_be_free(tmp_path / "missing" / "backup.sqlite3")


def test_copies_that_nobody_took_go_after_a_while(tmp_path: Path) -> None:
    left, recent = copy_in(tmp_path), copy_in(tmp_path)
    half_made = left.with_name(f".{left.name}.part")
    half_made.touch()
    before = left.stat().st_mtime - LEFT_SECONDS - 1
    for path in (left, half_made):
        os.utime(path, (before, before))
    handover(tmp_path)
    assert files(tmp_path) == [recent]
