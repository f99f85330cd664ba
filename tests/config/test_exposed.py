"""What `check` says of files with secrets that everybody can read."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.config.exposed import exposed

CONFIG = """\
[server]
token_key_file = "popbridge.key"

[[listener]]
key = ["tls.key"]
certificate = ["tls.crt"]

[account.family]
user = "anna"
password_file = "anna.secret"

[account.work]
user = "anna"
oauth = { provider = "google", client_secret_file = "client.secret" }

[device.fax]
login = "fax"
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a directory that everybody on the machine gets into, with a configuration and all that it names."""
    directory = Path(tempfile.mkdtemp(prefix="popbridge-exposed-", dir="/tmp"))
    try:
        directory.chmod(0o755)
        for name in ("popbridge.key", "tls.key", "tls.crt", "anna.secret", "client.secret"):
            (directory / name).touch(0o600)
            (directory / name).chmod(0o640)
        config = directory / "popbridge.toml"
        config.write_text(CONFIG)
        config.chmod(0o644)
        yield config
    finally:
        shutil.rmtree(directory)


def test_what_is_kept_from_others_is_not_told(place: Path) -> None:
    assert list(exposed(place)) == []


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("popbridge.key", "server.token_key_file"),
        ("tls.key", "listener.1.key"),
        ("anna.secret", "account.family.password_file"),
        ("client.secret", "account.work.oauth.client_secret_file"),
    ],
)
def test_a_file_that_everybody_can_read(place: Path, name: str, key: str) -> None:
    file = place.with_name(name)
    file.chmod(0o644)
    assert list(exposed(place)) == [f"{key}: everybody on this machine can read {file}: `chmod o= {file}`"]
    place.parent.chmod(0o750)
    assert list(exposed(place)) == []


def test_a_password_in_the_configuration_itself(place: Path) -> None:
    place.write_text(CONFIG + 'password = "hunter2 of the fax"\n')
    (told,) = exposed(place)
    assert told == f"device.fax.password: everybody on this machine can read {place}: `chmod o= {place}`"
    place.chmod(0o600)
    assert list(exposed(place)) == []


def test_a_file_that_is_gone(place: Path) -> None:
    place.with_name("anna.secret").unlink()
    assert list(exposed(place)) == []
