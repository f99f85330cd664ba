"""`popbridge password`: what it prints where, and that the configuration takes it."""

import os
import re
import secrets
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from bridge.config import load, verify
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash
from tests.cli.running import run
from tests.config.examples import ACCOUNT, ENVIRON, whole
from tests.support.bridge_process import POPBRIDGE

LISTENER = '[[listener]]\naddress = "127.0.0.1:110"\nauth = ["plain", "scram-sha-256", "cram-md5"]\n'


def written(tmp_path: Path, password_hash: str, auth: str) -> DeviceSettings:
    """Give the device whose table has this."""
    device = f'[device.fax]\npassword_hash = {password_hash}\nauth = ["{auth}"]\nsources = ["family"]\n'
    path = tmp_path / "popbridge.toml"
    path.write_text(whole('token_key_file = "key"', LISTENER, ACCOUNT, device))
    return next(iter(load(path, environ=ENVIRON).devices.values()))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give a configuration that has a key, and is not whole."""
    (tmp_path / "key").write_text(b64encode(secrets.token_bytes(32)).decode() + "\n")
    path = tmp_path / "popbridge.toml"
    path.write_text('[server]\ntoken_key_file = "key"\n')
    return path


def test_by_itself_it_prints_the_hash_alone(config: Path) -> None:
    done = run(config, "password", stdin="keypad 2345\n")
    assert (done.exit_code, done.stderr) == (0, "")
    device = written(config.parent, f'"{done.stdout.strip()}"', "plain")
    assert isinstance(device.password, PasswordHash)
    assert verify(device.password, Secret("keypad 2345"))


def test_scram_gives_a_list_ready_to_be_put_there(config: Path) -> None:
    done = run(config, "password", "--scram", stdin="keypad 2345\n")
    device = written(config.parent, done.stdout, "scram-sha-256")
    assert [each.hash for each in device.scram] == ["SHA-256", "SHA-1"]
    assert all(verify(each, Secret("keypad 2345")) for each in device.scram)


def test_recoverable_seals_it_for_its_login(config: Path) -> None:
    done = run(config, "password", "--recoverable", "fax", stdin="keypad 2345\n")
    assert "keypad" not in done.output
    assert written(config.parent, f'"{done.stdout.strip()}"', "cram-md5").password == Secret("keypad 2345")


def test_without_a_key_nothing_is_sealed(config: Path) -> None:
    config.write_text("[server]\n")
    done = run(config, "password", "--recoverable", "fax", stdin="keypad 2345\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "token_key_file" in done.stderr


@pytest.mark.parametrize(
    ("options", "form", "bits"),
    [
        ((), r"[a-z2-9]{16}", 79),
        (("--alphabet", "digits"), r"[0-9]{20}", 66),
        (("--alphabet", "digits", "--length", "12"), r"[0-9]{12}", 39),
        (("--alphabet", "keypad", "--length", "30"), r"[adgjmptw]{30}", 90),
    ],
)
def test_a_password_is_made_up_of_what_can_be_typed(
    config: Path, options: tuple[str, ...], form: str, bits: int
) -> None:
    done = run(config, "password", "--generate", *options)
    assert done.exit_code == 0
    first, second = done.stderr.splitlines()
    password = first.removeprefix("password: ")
    assert re.fullmatch(form, password)
    assert second.startswith(f"strength: {bits} bits")
    assert ("weak" in second) is (bits < 56)
    device = written(config.parent, f'"{done.stdout.strip()}"', "plain")
    assert isinstance(device.password, PasswordHash)
    assert verify(device.password, Secret(password))


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--generate", "--length", "4"), 1, "4 characters of 31 are guessed"),
        (("--length", "20"), 2, "for what --generate makes up"),
        (("--alphabet", "digits"), 2, "for what --generate makes up"),
        (("--generate", "--alphabet", "emoji"), 2, "'easy'"),
        (("--scram", "--recoverable", "fax"), 2, "leave --scram out"),
    ],
)
def test_what_makes_no_sense_is_refused(config: Path, options: tuple[str, ...], status: int, words: str) -> None:
    done = run(config, "password", *options, stdin="keypad 2345\n")
    assert (done.exit_code, done.stdout) == (status, "")
    assert words in done.stderr


def test_what_scram_cannot_carry_is_told(config: Path) -> None:
    done = run(config, "password", "--scram", stdin="a\x01b\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "control characters" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_where_the_hash_finds_no_room_a_sentence_says_so(unbuffered: str) -> None:
    environ = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(POPBRIDGE), "password"],
            input="keypad 2345",
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environ,
        )
    assert (done.returncode, done.stderr) == (1, "popbridge: No space left on device, where the output goes\n")
