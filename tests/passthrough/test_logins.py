"""What a login means that passes through, and what its account and device are."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.names import AccountId, DeviceId
from bridge.model.passthrough import Remembered, device_of, passed_logins, read_login, with_passed
from bridge.model.secret import Secret
from bridge.model.settings import Span
from tests.passthrough.house import ANN, passthrough
from tests.serve.support import device, settings

DOMAINS = ("example.org", "example.net")


@pytest.mark.parametrize(
    ("login", "device_id", "account", "recent"),
    [
        (ANN, ANN, ANN, False),
        ("  Ann@EXAMPLE.org ", ANN, ANN, False),
        (f"{ANN}+den", f"{ANN}+den", ANN, False),
        (f"{ANN}+Den.2_x-y", f"{ANN}+den.2_x-y", ANN, False),
        (f"recent:{ANN}", f"recent:{ANN}", ANN, True),
        (f"Recent:{ANN}+den", f"recent:{ANN}+den", ANN, True),
        ("ann+box@example.net", "ann+box@example.net", "ann+box@example.net", False),
        ("recent:recent:ann@example.net", "recent:recent:ann@example.net", "recent:ann@example.net", True),
        ("a@b@example.org", "a@b@example.org", "a@b@example.org", False),
        ("jürgen@example.org", "jürgen@example.org", "jürgen@example.org", False),
    ],
)
def test_a_login_means(login: str, device_id: str, account: str, recent: bool) -> None:
    found = read_login(login, DOMAINS)
    assert found is not None
    assert (found.device, found.account, found.recent) == (device_id, account, recent)
    assert found.domain == account.rpartition("@")[2]


@pytest.mark.parametrize(
    "login",
    [
        *("ann", "ann@", "@example.org", "recent:@example.org", "ann@example.com", "ann@sub.example.org", ""),
        *(f"{ANN}+", f"{ANN}+a b", f"{ANN}+ä", f"{ANN}+a+b", f"{ANN}.", f"{ANN}\0"),
        *("an n@example.org", "an\x01n@example.org", 'a"n@example.org', "a\\n@example.org", "an\udce4@example.org"),
        "a" * 240 + "@example.org",
    ],
)
def test_what_no_login_is(login: str) -> None:
    assert read_login(login, DOMAINS) is None


@given(st.text())
def test_a_device_is_found_again_by_its_id(text: str) -> None:
    for login in (f"{text}@example.org", f"recent:{text}", f"{ANN}+{text}"):
        found = read_login(login, DOMAINS)
        assert found is None or read_login(found.device, DOMAINS) == found


def test_recent_has_its_own_window_and_hides_nothing_that_it_fetched() -> None:
    table = passthrough(1, start=Span("now"), window=Span("newest", 5), on_retrieve="hide", on_delete="trash")
    plain, recent = (read_login(login, DOMAINS) for login in (ANN, f"recent:{ANN}"))
    assert plain is not None
    assert recent is not None
    asked = device_of(table, recent)
    assert (asked.start, asked.window, asked.on_retrieve) == (Span(), Span("age", 30 * 86400), "none")
    assert asked.on_delete == "trash"
    usual = device_of(table, plain)
    assert (usual.start, usual.window, usual.on_retrieve) == (Span("now"), Span("newest", 5), "hide")
    assert [(source.account, source.mailbox) for source in usual.sources] == [(ANN, "INBOX")]


def test_the_configurations_own_device_goes_first(tmp_path: Path) -> None:
    own = device(ANN.upper())
    configured = settings(tmp_path, own)
    configured = replace(configured, passthrough={"example.org": passthrough(1)})
    remembered = [DeviceId(each) for each in (ANN, f"{ANN}+den", "fax", "ben@example.com")]
    found = passed_logins(configured, remembered)
    assert [each.device for each in found] == [f"{ANN}+den"]
    known = with_passed(configured, found)
    assert {each.login for each in known.devices.values()} == {ANN.upper(), f"{ANN}+den"}
    assert known.accounts[AccountId(ANN)].password == Secret("")


@pytest.mark.parametrize("password", ["secret of ann", 'quo"ted \\ {}', "\udce4\udcff", "ä€"])
def test_what_is_remembered_is_read_again(password: str) -> None:
    kept = Remembered(Secret(password), Secret("scrypt$1"))
    assert Remembered.read(kept.secret()) == kept
    assert password not in repr(kept)
    assert "scrypt" not in repr(kept)


@pytest.mark.parametrize("text", ["", "no", "[]", "{}", '{"password": "secret"}', "null", '{"password": "x"}'])
def test_what_is_remembered_otherwise_is_not(text: str) -> None:
    assert Remembered.read(Secret(text)) is None
