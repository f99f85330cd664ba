"""One certificate for all attacks."""

from pathlib import Path

import pytest

from tests.support.certificates import Certificate, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give the files of a certificate for localhost."""
    directory: Path = tmp_path_factory.mktemp("siege")
    return make_certificate(directory)
