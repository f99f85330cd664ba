"""A bridge between devices and a real Dovecot, one for each test module that asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.house import House
from tests.support.dovecot import Dovecot


@pytest.fixture(scope="module")
def house(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give a running bridge with a fresh, empty account, two devices for each test, and three doors."""
    with House(dovecot, tmp_path_factory.mktemp("bridge")) as house:
        yield house


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a home for one device's program."""
    path = tmp_path / "home"
    path.mkdir()
    return path
