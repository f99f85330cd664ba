"""`popbridge certificate`: what it makes works with old devices, and it writes over nothing."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.model.settings import ListenerSettings
from tests.cli.running import run
from tests.serve.house import house
from tests.support.openssl import needs_openssl, s_client


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give the path of a configuration that need not be there yet."""
    return tmp_path / "popbridge.toml"


def made(config: Path, *arguments: str) -> dict[str, Any]:
    done = run(config, "certificate", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def modes(directory: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in directory.iterdir()}


@needs_openssl
async def test_an_old_device_with_the_authority_trusts_what_it_is_shown(config: Path, tmp_path: Path) -> None:
    found = made(config, "127.0.0.1", "localhost", "--ec")
    pairs = tuple((one["certificate"], one["key"]) for one in found["certificates"])
    assert found["config"] == 'certificate = ["tls.crt", "tls-ec.crt"]\nkey = ["tls.key", "tls-ec.key"]\n'
    old = ListenerSettings("127.0.0.1", tls="implicit", certificates=pairs, tls_profile="legacy")
    trust = ("-verify_return_error", "-CAfile", found["authority"]["file"])
    state = tmp_path / "house"
    state.mkdir()
    async with house(state, listeners=(old,)) as at:
        address = at.bridge.listeners[0].address
        heard = [
            await s_client(address, *trust, *name, version, "-cipher", f"{cipher}:@SECLEVEL=0")
            for name in (("-verify_ip", "127.0.0.1"), ("-verify_hostname", "localhost"))
            for version, cipher in (("-tls1", "AES128-SHA"), ("-tls1_1", "ECDHE-ECDSA-AES128-SHA"))
        ]
        assert [one.tls for one in heard] == ["TLSv1/AES128-SHA", "TLSv1.1/ECDHE-ECDSA-AES128-SHA"] * 2
        modern = replace(old, tls_profile="modern")
        at.settings = replace(at.settings, listeners=(modern,))
        await at.bridge.reload()
        heard = [await s_client(address, *trust, "-verify_ip", each) for each in ("127.0.0.1", "127.0.0.9")]
        assert [one.version for one in heard] == ["TLSv1.3", ""]


def test_files_are_for_those_who_need_them(config: Path, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made(config, "nas.lan", "--ec")
    finally:
        os.umask(old)
    assert modes(tmp_path) == {
        "popbridge-ca.crt": "0o644",
        "popbridge-ca.cer": "0o644",
        "popbridge-ca.key": "0o600",
        "tls.crt": "0o644",
        "tls.key": "0o600",
        "tls-ec.crt": "0o644",
        "tls-ec.key": "0o600",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_popbridge_can_read_the_key_that_root_made(config: Path, tmp_path: Path) -> None:
    os.chown(tmp_path, 0, 1)
    tmp_path.chmod(0o750)
    made(config, "nas.lan")
    key = (tmp_path / "tls.key").stat()
    assert (key.st_uid, key.st_gid, stat.S_IMODE(key.st_mode)) == (0, 1, 0o640)
    (tmp_path / "own").mkdir()
    os.chown(tmp_path / "own", 2, 3)
    made(config, "nas.lan", "--directory", str(tmp_path / "own"))
    key = (tmp_path / "own" / "tls.key").stat()
    assert (key.st_uid, key.st_gid, stat.S_IMODE(key.st_mode)) == (2, 3, 0o600)
    # The authority's key is nobody's business but root's.
    authority = (tmp_path / "popbridge-ca.key").stat()
    assert (authority.st_uid, authority.st_gid, stat.S_IMODE(authority.st_mode)) == (0, 0, 0o600)


def test_nothing_is_written_over(config: Path, tmp_path: Path) -> None:
    made(config, "nas.lan")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    again = run(config, "certificate", "nas.lan")
    assert again.exit_code == 1
    assert "tls.crt is there already, and stays as it is: --renew puts a new one in its place" in again.stderr
    stranger = run(config, "certificate", "bank.example", "--renew")
    assert stranger.exit_code == 2
    assert "may not vouch for bank.example" in stranger.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("renew", [(), ("--renew",)])
def test_what_somebody_else_made_stays(config: Path, tmp_path: Path, renew: tuple[str, ...]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    made(config, "nas.lan", "--directory", str(other))
    (other / "tls.crt").rename(tmp_path / "tls.crt")
    before = (tmp_path / "tls.crt").read_bytes()
    done = run(config, "certificate", "nas.lan", *renew)
    assert done.exit_code == 1
    assert "tls.crt is there, and no authority that made it" in done.stderr
    assert (tmp_path / "tls.crt").read_bytes() == before
    # Nor is one taken for its own that another authority made.
    (tmp_path / "tls.crt").unlink()
    made(config, "nas.lan")
    (tmp_path / "tls.crt").write_bytes(before)
    done = run(config, "certificate", "--renew")
    assert done.exit_code == 1
    assert "tls.crt was made by somebody else" in done.stderr
    assert (tmp_path / "tls.crt").read_bytes() == before


def test_renewing_leaves_the_authority_alone(config: Path, tmp_path: Path) -> None:
    first = made(config, "nas.lan", "192.168.1.5", "--ec", "--days", "30")
    authority = [(tmp_path / f"popbridge-ca.{end}").read_bytes() for end in ("crt", "key", "cer")]
    key = (tmp_path / "tls.key").read_bytes()
    again = made(config, "--renew")
    assert [(tmp_path / f"popbridge-ca.{end}").read_bytes() for end in ("crt", "key", "cer")] == authority
    assert (tmp_path / "tls.key").read_bytes() != key
    assert [one["names"] for one in again["certificates"]] == [["nas.lan", "192.168.1.5"]] * 2
    assert all(new["ends"] > old["ends"] for new, old in zip(again["certificates"], first["certificates"], strict=True))
    assert [one["made"] for one in again["certificates"]] == [True, True]
    assert again["authority"]["made"] is False
    # Other names are fine where the authority may vouch for them.
    assert made(config, "pop.lan", "--renew")["certificates"][0]["names"] == ["pop.lan"]


def test_it_tells_what_there_is_and_when_it_ends(config: Path, tmp_path: Path) -> None:
    assert "there are no certificates in" in run(config, "certificate").stdout
    assert run(config, "certificate", "--renew").exit_code == 2
    made(config, "nas.lan", "--days", "5")
    before = modes(tmp_path)
    told = run(config, "certificate").stdout
    assert "RSA 2048, for nas.lan, until " in told
    assert "in 4 days" in told
    assert "  SHA-1   " in told
    assert 'certificate = "tls.crt"\nkey = "tls.key"\n' in told
    assert "(new)" not in told
    assert "reload" not in told
    assert modes(tmp_path) == before


def test_an_authority_that_is_not_whole_is_not_replaced(config: Path, tmp_path: Path) -> None:
    made(config, "nas.lan")
    (tmp_path / "popbridge-ca.key").rename(tmp_path / "away.key")
    done = run(config, "certificate", "--renew")
    assert done.exit_code == 1
    assert "popbridge-ca.key is missing beside the rest of the authority" in done.stderr


def test_elsewhere_the_config_names_whole_paths(config: Path, tmp_path: Path) -> None:
    there = tmp_path / "certificates"
    missing = run(config, "certificate", "nas.lan", "--directory", str(there))
    assert missing.exit_code == 2
    assert f"there is no directory {there}" in missing.stderr
    there.mkdir()
    found = made(config, "nas.lan", "--directory", str(there))
    assert found["config"] == f'certificate = "{there}/tls.crt"\nkey = "{there}/tls.key"\n'
