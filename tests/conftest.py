"""Fixtures every test may use. A part that is not installed is skipped by name, and pytest's summary lists it."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from bridge.telemetry import configure
from tests.support.dovecot import Dovecot, dovecot_missing
from tests.support.leaks import Watch

_watch = Watch()
_watch.install()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the long forms of some tests need."""
    parser.addoption("--systemd", action="store_true", help="boot a container and try the real unit in it (root)")


@pytest.fixture(autouse=True)
def logging_as_at_the_start() -> Iterator[None]:
    """Leave no test another's idea of what is logged, and where to: commands run in this process, too."""
    yield
    configure()


@pytest.fixture(autouse=True)
def no_secret_told() -> Iterator[None]:
    """Fail a test in which a secret came into a log line or into the sentence of a failure."""
    _watch.begin()
    yield
    assert _watch.leaks == []


@pytest.fixture
def secrets_by_chance() -> None:
    """Look for no secrets in this test: it makes them up by the thousand, and words of a sentence are among them."""
    _watch.rest()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """Give one running Dovecot for the whole run: each test takes a user of its own by `fresh_user()`."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with Dovecot(users={f"user{n}": f"secret {n}" for n in range(40)}) as server:
        yield server


# How long an example takes says more of the machine than of the code: no test asserts a time.
settings.register_profile("popbridge", deadline=None)
settings.load_profile("popbridge")
