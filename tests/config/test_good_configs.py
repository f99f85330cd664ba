"""What a configuration means."""

from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest

from bridge.model.secret import Secret
from bridge.model.settings import PasswordHash, Settings, Source, Span
from tests.config.examples import ACCOUNT, DEVICE, LISTENER, problems, settings, whole

HASH = "scrypt$16384$8$1$cG9wYnJpZGdlIGV4YW1wbGU=$bm9ib2R5IGtub3dzIHRoZSBwYXNzd29yZCBvZiB0aGlzIQ=="


@pytest.fixture
def least(tmp_path: Path) -> Settings:
    """The least that a configuration must say."""
    return settings(tmp_path, f"{LISTENER}\n{ACCOUNT}\n{DEVICE}")


def test_the_defaults_of_a_server_are_the_contract_s(least: Settings) -> None:
    server = least.server
    assert (server.log, server.log_level) == ("console", "info")
    assert (server.upstream_timeout, server.login_timeout, server.autologout, server.refresh_wait) == (20, 180, 600, 5)
    assert (server.undo_window, server.history) == (3600, 90 * 86400)
    assert (server.max_sessions, server.max_sessions_per_peer) == (2000, 20)


def test_the_defaults_of_a_listener_are_the_contract_s(least: Settings) -> None:
    (listener,) = least.listeners
    assert (listener.host, listener.port, listener.systemd) == ("127.0.0.1", 110, "")
    assert (listener.tls, listener.certificates, listener.plaintext_login) == ("none", (), "private")


def test_the_defaults_of_an_account_are_the_contract_s(least: Settings) -> None:
    (account,) = least.accounts.values()
    assert (account.id, account.name, account.host, account.port) == ("family", "family", "imap.example.org", 993)
    assert (account.tls, account.ca_file, account.password) == ("implicit", "", Secret("hunter2"))
    assert (account.mailboxes, account.archive) == (("INBOX",), "\\Archive")
    assert (account.max_connections, account.poll_interval, account.allow_plain_expunge) == (3, 60, False)


def test_the_defaults_of_a_device_are_the_contract_s(least: Settings) -> None:
    (device,) = least.devices.values()
    assert (device.id, device.name, device.login, device.password) == ("fax", "fax", "fax", Secret("hunter3"))
    assert (device.sources, device.networks, device.on_delete) == ((Source(account(least), "INBOX"),), (), "hide")
    assert (device.start, device.window, device.search) == (Span("all"), Span("all"), "")
    assert (device.deduplicate, device.provenance, device.delete_when) == ("account", False, "this")
    assert (device.on_retrieve, device.max_deletes, device.quirks) == ("none", 50, frozenset())


def account(found: Settings) -> Any:
    """Give the id of the only account."""
    return next(iter(found.accounts))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("20", 20),
        ('"20"', 20),
        ("2.5", 2.5),
        ('"90s"', 90),
        ('"2m"', 120),
        ('"1.5h"', 5400),
        ('"1 d"', 86400),
        ('"2w"', 1209600),
    ],
)
def test_durations(written: str, seconds: float, tmp_path: Path) -> None:
    assert settings(tmp_path, whole(server=f"undo_window = {written}")).server.undo_window == seconds


def test_no_time_to_undo_is_allowed(tmp_path: Path) -> None:
    assert settings(tmp_path, whole(server="undo_window = 0")).server.undo_window == 0


@pytest.mark.parametrize(
    ("written", "host", "port", "systemd"),
    [
        ("0.0.0.0:110", "0.0.0.0", 110, ""),
        ("[::]:995", "::", 995, ""),
        ("[fe80::1]:0", "fe80::1", 0, ""),
        ("mail.example.org:110", "mail.example.org", 110, ""),
        ("systemd:pop3", "", 0, "pop3"),
    ],
)
def test_addresses(written: str, host: str, port: int, systemd: str, tmp_path: Path) -> None:
    (listener,) = settings(tmp_path, whole(listener=f'[[listener]]\naddress = "{written}"\n')).listeners
    assert (listener.host, listener.port, listener.systemd) == (host, port, systemd)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "systemd:pop3"])
def test_addresses_that_may_be_given_twice(address: str, tmp_path: Path) -> None:
    listener = f'[[listener]]\naddress = "{address}"\n'
    assert len(settings(tmp_path, whole(listener=listener * 2)).listeners) == 2


def test_a_certificate_makes_starttls_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    for name in ("rsa.crt", "rsa.key", "ec.crt", "ec.key", "ca.pem"):
        (tmp_path / name).write_text("")
    listener = LISTENER + 'certificate = ["rsa.crt", "ec.crt"]\nkey = ["rsa.key", "ec.key"]\n'
    found = settings(
        tmp_path, whole('state_dir = "state"\ncontrol = "socket"', listener, ACCOUNT + 'ca_file = "ca.pem"\n')
    )
    assert found.listeners[0].tls == "starttls"
    assert found.listeners[0].certificates == (
        (f"{tmp_path}/rsa.crt", f"{tmp_path}/rsa.key"),
        (f"{tmp_path}/ec.crt", f"{tmp_path}/ec.key"),
    )
    assert found.accounts[account(found)].ca_file == f"{tmp_path}/ca.pem"
    assert (found.server.state_dir, found.server.control) == (f"{tmp_path}/state", f"{tmp_path}/socket")


def test_paths_of_a_file_named_relatively_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings(Path(), whole('state_dir = "state"')).server.state_dir == f"{tmp_path}/state"


@pytest.mark.parametrize(
    ("environ", "state_dir", "control"),
    [
        ({"STATE_DIRECTORY": "/s/a:/s/b", "RUNTIME_DIRECTORY": "/r/a:/r/b", "HOME": "/h"}, "/s/a", "/r/a/control.sock"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/popbridge", "/x/popbridge/control.sock"),
        (
            {"XDG_STATE_HOME": "relative", "HOME": "/h"},
            "/h/.local/state/popbridge",
            "/h/.local/state/popbridge/control.sock",
        ),
        ({"STATE_DIRECTORY": "", "HOME": "/h"}, "/h/.local/state/popbridge", "/h/.local/state/popbridge/control.sock"),
    ],
)
def test_where_state_is_kept(environ: dict[str, str], state_dir: str, control: str, tmp_path: Path) -> None:
    server = settings(tmp_path, whole(), environ).server
    assert (server.state_dir, server.control) == (state_dir, control)


def test_without_a_home_state_must_have_a_place(tmp_path: Path) -> None:
    told = problems(tmp_path, whole(), {})
    assert told == ["1: server.state_dir: is missing, and $HOME does not say where state could be kept"]


def test_a_socket_s_path_may_have_107_octets(tmp_path: Path) -> None:
    path = "/ü" + "x" * 104
    assert len(path.encode()) == 107
    assert settings(tmp_path, whole(f'control = "{path}"')).server.control == path
    assert "is too long for a socket" in problems(tmp_path, whole(f'control = "{path}x"'))[0]


def test_sources_name_mailboxes_as_people_write_them(tmp_path: Path) -> None:
    sources = '["family", "family/inbox", "family/Work/Invoices", "family/\\\\junk", { source = "family/A/" }]'
    found = settings(
        tmp_path,
        whole(
            account=ACCOUNT + 'id = "kept"\nmailboxes = ["Inbox", "Müll", "\\\\All"]\n',
            device=f'[device.fax]\npassword_hash = "{HASH}"\nsources = {sources}\n',
        ),
    )
    (device,) = found.devices.values()
    assert isinstance(device.password, PasswordHash)
    assert {source.account for source in device.sources} == {"kept"}
    assert [source.mailbox for source in device.sources] == ["INBOX", "Müll", "\\All", "Work/Invoices", "\\Junk", "A/"]


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ('"all"', Span("all")),
        ('"30d"', Span("age", 30 * 86400)),
        ('"1.5h"', Span("age", 5400)),
        ('"200"', Span("newest", 200)),
        ("200", Span("newest", 200)),
        ('"200s"', Span("age", 200)),
    ],
)
def test_spans(written: str, span: Span, tmp_path: Path) -> None:
    found = settings(tmp_path, whole(device=DEVICE + f"start = {written}\nwindow = {written}\n"))
    assert [(device.start, device.window) for device in found.devices.values()] == [(span, span)]


def test_what_a_device_may_ask_for(tmp_path: Path) -> None:
    keys = """
        start = "now"
        search = 'NOT FROM "boss@example.org"'
        deduplicate = "all"
        provenance = true
        delete_when = "all"
        on_retrieve = "hide-unacknowledged"
        max_deletes = 0
        quirks = ["counts"]
    """
    (device,) = settings(tmp_path, whole(device=DEVICE + keys)).devices.values()
    assert (device.start, device.search) == (Span("now"), 'NOT FROM "boss@example.org"')
    assert (device.deduplicate, device.provenance, device.delete_when) == ("all", True, "all")
    assert (device.on_retrieve, device.max_deletes, device.quirks) == ("hide-unacknowledged", 0, frozenset({"counts"}))


@pytest.mark.parametrize("key", ["ALL", " all "])
def test_a_search_that_everything_matches_is_none(key: str, tmp_path: Path) -> None:
    found = settings(tmp_path, whole(device=DEVICE + f'search = "{key}"\n'))
    assert [device.search for device in found.devices.values()] == [""]


def test_marks_of_sources(tmp_path: Path) -> None:
    """A mailbox stands where it was named first, and keeps the mark that it was given anywhere."""
    sources = """[
        "family",
        { source = "family/Junk", mark = " [Junk] " },
        { source = "family/Sent" },
        { source = "family/INBOX", mark = "[In]" },
        "family/Junk",
    ]"""
    found = settings(tmp_path, whole(device=f'[device.fax]\npassword = "hunter3"\nsources = {sources}\n'))
    (device,) = found.devices.values()
    assert [(source.mailbox, source.mark) for source in device.sources] == [
        ("INBOX", "[In]"),
        ("Junk", "[Junk]"),
        ("Sent", ""),
    ]


@pytest.mark.parametrize("mark", ["[Müll]", "[=?utf-8?q?x?=]", "🗑" * 40, "[Rechnungen für das Jahr 2026, offen]"])
def test_marks_that_a_header_cannot_hold_are_encoded(mark: str, tmp_path: Path) -> None:
    sources = f'[{{ source = "family", mark = "{mark}" }}]'
    found = settings(tmp_path, whole(device=f'[device.fax]\npassword = "hunter3"\nsources = {sources}\n'))
    (source,) = next(iter(found.devices.values())).sources
    assert source.mark.isascii()
    assert source.mark.isprintable()
    assert all(word.startswith("=?") and len(word) <= 75 for word in source.mark.split(" "))
    assert str(make_header(decode_header(f"{source.mark} =?utf-8?q?M=C3=BCll?="))) == f"{mark} Müll"


def test_ids_outlive_names(tmp_path: Path) -> None:
    found = settings(tmp_path, whole(account=ACCOUNT + 'id = "a"\n', device=DEVICE + 'id = "d"\nlogin = "l o g i n"\n'))
    assert [(key, one.id, one.name) for key, one in found.accounts.items()] == [("a", "a", "family")]
    assert [(key, one.id, one.name, one.login) for key, one in found.devices.items()] == [
        ("d", "d", "fax", "l o g i n")
    ]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_upstreams_without_tls_on_this_machine(host: str, tmp_path: Path) -> None:
    found = settings(tmp_path, whole(account=ACCOUNT.replace("imap.example.org", host) + 'tls = "none"\n'))
    assert found.accounts[account(found)].port == 143


def test_the_spool_is_off_until_it_is_asked_for(tmp_path: Path) -> None:
    found = settings(tmp_path, whole(account=ACCOUNT + 'spool = "ahead"\nspool_max = "500MB"\nspool_age = "2w"\n'))
    one = found.accounts[account(found)]
    assert (one.spool, one.spool_max, one.spool_age) == ("ahead", 500_000_000, 14 * 86400)
    plain = settings(tmp_path, whole())
    one = plain.accounts[account(plain)]
    assert (one.spool, one.spool_max, one.spool_age) == ("off", 2_000_000_000, 30 * 86400)


def test_values_that_ask_for_what_this_version_does_are_taken(tmp_path: Path) -> None:
    text = whole(
        'language = "en"',
        LISTENER + 'tls_profile = "modern"\nauth = ["plain"]\nproxy_protocol = []\n',
        ACCOUNT + 'spool = "off"\n',
        DEVICE + 'auth = ["plain"]\nsizes = "fast"\nprofile = "raw"\nmax_size = 0\nnotices = false\nquirks = []\n',
    )
    assert problems(tmp_path, text) == []


def test_a_listener_for_old_devices_behind_a_proxy(tmp_path: Path) -> None:
    behind = LISTENER + 'proxy_protocol = ["10.0.0.2", "2001:db8::/64"]\n'
    found = settings(tmp_path, whole(listener=behind)).listeners[0]
    assert (found.tls_profile, found.proxy_protocol) == ("modern", ("10.0.0.2/32", "2001:db8::/64"))
    old = settings(tmp_path, whole(listener=LISTENER + 'tls_profile = "legacy"\n')).listeners[0]
    assert old.tls_profile == "legacy"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert problems(tmp_path, "\ufeff" + whole()) == []
