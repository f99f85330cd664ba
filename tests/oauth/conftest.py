"""What tests of signing in share."""

from collections.abc import Iterator

import pytest

from tests.oauth.authority import Authority, authority, authority_missing


@pytest.fixture(scope="session")
def provider() -> Iterator[Authority]:
    """Give one running authorization server for the whole run."""
    if missing := authority_missing():
        pytest.skip(missing)
    with authority() as running:
        yield running
