"""What tests of signing in share."""

from collections.abc import Iterator

import pytest

from tests.oauth.authority import Authority, authority, authority_missing, imap_server
from tests.support.dovecot import Dovecot, dovecot_missing


@pytest.fixture(scope="session")
def provider() -> Iterator[Authority]:
    """Give one running authorization server for the whole run."""
    if missing := authority_missing():
        pytest.skip(missing)
    with authority() as running:
        yield running


@pytest.fixture(scope="session")
def mail(provider: Authority) -> Iterator[Dovecot]:
    """Give one running Dovecot that takes that server's tokens."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with imap_server(provider.url) as running:
        yield running
