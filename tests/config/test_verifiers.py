"""What is kept of a device's password: made, read again, and opened where it can be."""

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.config import hash_password, verify
from bridge.config.values import Wrong
from bridge.config.verifiers import ROUNDS, Sealed, make_verifier, parse_kept, recover, seal_password
from bridge.model.failures import NoKey
from bridge.model.logins import checkable, recoverable
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash, ScramVerifier
from bridge.session.proving import OURS
from tests.config.examples import ACCOUNT, problems, settings, whole

PASSWORD, KEY, OLD = Secret("hunter3"), Secret("AAAA" * 10 + "AAA="), Secret("BBBB" * 10 + "BBA=")
LISTENER = '[[listener]]\naddress = "127.0.0.1:110"\nauth = ["plain", "scram-sha-256", "scram-sha-1", "apop"]\n'


def device(tmp_path: Path, kept: str, auth: str = '["plain"]', server: str = "") -> DeviceSettings:
    table = f'[device.fax]\npassword_hash = {kept}\nauth = {auth}\nsources = ["family"]\n'
    return next(iter(settings(tmp_path, whole(server, LISTENER, ACCOUNT, table)).devices.values()))


@pytest.mark.parametrize("hash_", ["SHA-256", "SHA-1"])
def test_a_verifier_is_read_as_it_was_made(hash_: str) -> None:
    assert hash_ in ("SHA-256", "SHA-1")
    text = make_verifier("SHA-256" if hash_ == "SHA-256" else "SHA-1", PASSWORD)
    (found,) = parse_kept(text)
    assert isinstance(found, ScramVerifier)
    assert (found.hash, found.rounds) == (hash_, ROUNDS)
    assert verify(found, PASSWORD)
    assert not verify(found, Secret("hunter"))
    assert not verify(found, Secret("\udcff"))
    assert not verify(replace(found, salt=b"another one"), PASSWORD)


def test_rounds_are_one_number() -> None:
    """Where the password itself is known, its rounds must not tell it from one with a verifier made here."""
    assert OURS[1] == ROUNDS


def test_each_is_salted_anew() -> None:
    assert make_verifier("SHA-1", PASSWORD) != make_verifier("SHA-1", PASSWORD)


def test_no_verifier_is_made_of_what_scram_cannot_carry() -> None:
    with pytest.raises(Wrong):
        make_verifier("SHA-1", Secret("\udcff"))


def test_a_sealed_password_opens_for_its_login_alone() -> None:
    (sealed,) = parse_kept(seal_password(PASSWORD, "fax", [OLD]))
    assert isinstance(sealed, Sealed)
    assert recover(sealed, "fax", [KEY, OLD]) == PASSWORD
    for login, keys in (("den", [OLD]), ("fax", [KEY]), ("fax", [])):
        with pytest.raises(Wrong) as refused:
            recover(sealed, login, keys)
        assert "hunter3" not in str(refused.value)
    with pytest.raises(NoKey):
        seal_password(PASSWORD, "fax", [])


def test_a_list_has_what_each_way_needs(tmp_path: Path) -> None:
    kept = f'["{hash_password(PASSWORD)}", "{make_verifier("SHA-256", PASSWORD)}"]'
    found = device(tmp_path, kept, '["plain", "scram-sha-256"]')
    assert isinstance(found.password, PasswordHash)
    assert [each.hash for each in found.scram] == ["SHA-256"]
    assert not recoverable(found)
    assert checkable(found, "scram-sha-256")
    assert not checkable(found, "scram-sha-1")
    assert not checkable(found, "apop")


def test_a_verifier_alone_checks_a_password_too(tmp_path: Path) -> None:
    found = device(tmp_path, f'"{make_verifier("SHA-1", PASSWORD)}"', '["login", "scram-sha-1"]')
    assert isinstance(found.password, ScramVerifier)
    assert verify(found.password, PASSWORD)


def test_a_sealed_password_is_the_password(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY.reveal()}\n{OLD.reveal()}\n")
    kept = f'"{seal_password(PASSWORD, "fax", [OLD])}"'
    server = 'token_key_file = "key"'
    found = device(tmp_path, kept, '["plain", "apop", "scram-sha-1"]', server)
    assert found.password == PASSWORD
    assert recoverable(found)
    text = whole(
        server, LISTENER, ACCOUNT, f'[device.fax]\npassword_hash = {kept}\nlogin = "den"\nsources = ["family"]'
    )
    (told,) = problems(tmp_path, text)
    assert "device.fax.password_hash: has a sealed$… password that does not open" in told
    text = text.replace('login = "den"\n', "").replace(server, "")
    assert "names no token_key_…" in problems(tmp_path, text)[0]


def test_without_secrets_nothing_is_opened(tmp_path: Path) -> None:
    text = whole("", LISTENER, ACCOUNT, '[device.fax]\npassword_hash = "sealed$AAAA"\nsources = ["family"]\n')
    (found,) = settings(tmp_path, text, secrets=False).devices.values()
    assert recoverable(found)
    assert found.password == Secret("")


def test_a_listener_says_what_it_offers(tmp_path: Path) -> None:
    assert settings(tmp_path, whole(listener=LISTENER)).listeners[0].auth == (
        "plain",
        "scram-sha-256",
        "scram-sha-1",
        "apop",
    )
