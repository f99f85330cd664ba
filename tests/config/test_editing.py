"""The configuration file is changed whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.config.editing import MARK, ConfigFile, NotWritten
from bridge.model.failures import ConfigError, WrongRequest
from bridge.model.secret import Secret
from tests.config.examples import ENVIRON, whole

DEN = {"password": "keypad 2345", "sources": ["family"]}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "popbridge.toml"
    path.write_text("# mine\n" + whole())
    path.chmod(0o640)
    return path


def opened(path: Path) -> ConfigFile:
    return ConfigFile(path, ENVIRON)


def unchanged(path: Path, before: bytes) -> bool:
    """Tell whether all is as it was, without anything left beside it."""
    return path.read_bytes() == before and [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_device_is_added_and_all_else_stays(config: Path) -> None:
    before = config.read_text()
    settings = opened(config).add("device", "den", DEN, {"den.secret": Secret("s3cret2345")})
    assert [device.name for device in settings.devices.values()] == ["fax", "den"]
    assert config.read_text().startswith(before)
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    secret = config.parent / "den.secret"
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode)) == ("s3cret2345\n", 0o640)
    assert len(list(config.parent.iterdir())) == 2


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
def test_modes_stay_and_secrets_are_for_no_others(config: Path, mode: int) -> None:
    config.chmod(mode)
    opened(config).add("device", "den", DEN, {"den.secret": Secret("s3cret2345")})
    assert stat.S_IMODE(config.stat().st_mode) == mode
    assert stat.S_IMODE((config.parent / "den.secret").stat().st_mode) == mode & 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to somebody else")
def test_its_owner_stays_the_owner(config: Path) -> None:
    os.chown(config, 12345, 23456)
    opened(config).add("device", "den", DEN, {"den.secret": Secret("s3cret2345")})
    for path in config.parent.iterdir():
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_a_link_stays_one_and_paths_mean_what_they_did(config: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    real = config.rename(away / "real.toml")
    config.symlink_to(real)
    opened(config).add("device", "den", DEN, {"den.secret": Secret("s3cret2345")})
    assert config.is_symlink()
    assert "[device.den]" in real.read_text()
    assert (tmp_path / "den.secret").exists()  # relative to the name that the configuration goes by
    assert [each.name for each in away.iterdir()] == ["real.toml"]


def test_a_byte_order_mark_and_line_ends_stay(config: Path) -> None:
    config.write_bytes(MARK + whole().replace("\n", "\r\n").encode())
    opened(config).add("device", "den", DEN, {})
    after = config.read_bytes()
    assert after.startswith(MARK)
    assert after.count(b"\n") == after.count(b"\r\n")


def test_what_would_be_wrong_changes_nothing(config: Path) -> None:
    before = config.read_bytes()
    with pytest.raises(ConfigError) as refused:
        opened(config).add("device", "den", {**DEN, "sources": ["famly"]}, {"den.secret": Secret("s3cret2345")})
    assert "famly" in str(refused.value)
    assert "s3cret2345" not in str(refused.value)
    assert unchanged(config, before)


def test_what_was_wrong_before_is_not_in_the_way(config: Path) -> None:
    config.write_text(whole(device=""))
    assert opened(config).add("device", "den", DEN, {}).devices
    config.write_text(whole(device="", server='log = "jsn"'))
    opened(config).add("device", "den", DEN, {})
    assert "[device.den]" in config.read_text()


def test_what_changed_meanwhile_is_not_overwritten(config: Path) -> None:
    file = opened(config)
    config.write_text(whole() + "# somebody's\n")
    before = config.read_bytes()
    with pytest.raises(NotWritten, match="changed meanwhile"):
        file.add("device", "den", DEN, {"den.secret": Secret("s3cret2345")})
    assert unchanged(config, before)


def test_a_secret_that_is_there_is_not_overwritten(config: Path) -> None:
    (config.parent / "den.secret").write_text("another")
    with pytest.raises(NotWritten, match=r"den\.secret already"):
        opened(config).add("device", "den", DEN, {"first": Secret("s3cret2345"), "den.secret": Secret("s3cret2345")})
    assert "[device.den]" not in config.read_text()
    assert (config.parent / "den.secret").read_text() == "another"
    assert not (config.parent / "first").exists()


def test_two_at_once(config: Path) -> None:
    file, other = opened(config), opened(config)
    with other._alone(), pytest.raises(NotWritten, match="another command"):
        file.add("device", "den", DEN, {})


def test_names_that_are_there_are_refused(config: Path) -> None:
    before = config.read_bytes()
    with pytest.raises(WrongRequest, match="is there already"):
        opened(config).add("device", "fax", DEN, {})
    assert unchanged(config, before)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="config example"):
        opened(tmp_path / "none.toml")
    with pytest.raises(NotWritten, match="Is a directory"):
        opened(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# \xe4\n")
    with pytest.raises(ConfigError, match="1: is not UTF-8"):
        opened(tmp_path / "latin.toml")
    (tmp_path / "broken.toml").write_text("[server\n")
    with pytest.raises(ConfigError, match=r"broken\.toml:1"):
        opened(tmp_path / "broken.toml")


@contextmanager
def somebody(path: Path, mode: int) -> Iterator[None]:
    """Be a user to whom the directory has this mode. As anybody but root this is who one is."""
    path.parent.chmod(mode)
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        path.parent.chmod(0o755)


def test_a_directory_that_takes_nothing_is_told() -> None:
    with tempfile.TemporaryDirectory() as directory:  # pytest's own are for one user alone
        config = Path(directory, "popbridge.toml")
        config.write_text(whole())
        config.chmod(0o644)
        with somebody(config, 0o555), pytest.raises(NotWritten, match="nothing can be written"):
            opened(config).add("device", "den", DEN, {"den.secret": Secret("s3cret2345")})
        assert unchanged(config, whole().encode())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_users_file_is_not_taken_from_them() -> None:
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "popbridge.toml")
        config.write_text(whole())
        config.chmod(0o644)
        with somebody(config, 0o777), pytest.raises(NotWritten, match="as its owner or as root"):
            opened(config).add("device", "den", DEN, {})
        assert unchanged(config, whole().encode())
