"""What `check` calls weak, and what it does not."""

from pathlib import Path

import pytest

from bridge.config import hash_password
from bridge.config.verifiers import make_verifier
from bridge.config.weaknesses import weaknesses
from bridge.model.secret import Secret
from tests.config.examples import ACCOUNT, LISTENER, settings, whole

SALT, DIGEST = "cG9wYnJpZGdlIGV4YW1wbGU=", "bm9ib2R5IGtub3dzIHRoZSBwYXNzd29yZCBvZiB0aGlzIQ=="
STRONG, UPSTREAM = Secret("a keypad 2345"), Secret("hunter2")


def told(tmp_path: Path, *keys: str) -> list[str]:
    """Tell what is weak about one device with these keys."""
    device = "\n".join(("[device.fax]", 'sources = ["family"]', *keys))
    return list(weaknesses(settings(tmp_path, whole("", LISTENER, ACCOUNT, device))))


def hashed(*kept: str) -> str:
    return "password_hash = [" + ", ".join(f'"{each}"' for each in kept) + "]"


def test_what_is_made_here_is_not_weak(tmp_path: Path) -> None:
    assert told(tmp_path, hashed(hash_password(STRONG), make_verifier("SHA-1", STRONG))) == []
    assert told(tmp_path, f'password = "{STRONG.reveal()}"') == []


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (f"scrypt$8192$8$1${SALT}${DIGEST}", "its scrypt hash is weak (n=8192 r=8 p=1)"),
        (f"scrypt$16384$4$1${SALT}${DIGEST}", "its scrypt hash is weak (n=16384 r=4 p=1)"),
        (f"scram-sha-256$4095${SALT}${DIGEST[:43]}=${DIGEST[:43]}=", "scram-sha-256 has 4095 rounds"),
    ],
)
def test_weak_hashes_are_named(tmp_path: Path, kept: str, words: str) -> None:
    (sentence,) = told(tmp_path, hashed(kept))
    assert sentence.startswith("device.fax.password_hash: ")
    assert words in sentence


def test_short_passwords_are_named_and_not_shown(tmp_path: Path) -> None:
    (sentence,) = told(tmp_path, 'password = "1234567"')
    assert "fewer than 8 characters" in sentence
    assert "1234567" not in sentence


@pytest.mark.parametrize("way", ["plain", "scrypt", "scram"])
def test_the_accounts_own_password_is_named(tmp_path: Path, way: str) -> None:
    kept = {
        "plain": f'password = "{UPSTREAM.reveal()}"',
        "scrypt": hashed(hash_password(UPSTREAM)),
        "scram": hashed(make_verifier("SHA-1", UPSTREAM)),
    }[way]
    sentence = told(tmp_path, kept)[-1]
    assert sentence.startswith("device.fax: its password is that of account family")
    assert UPSTREAM.reveal() not in sentence
