"""`popbridge check`, on configs as people first write them."""

import time
from pathlib import Path

from bridge.net.authority import Authority, read_names
from tests.support.bridge_config import Table, Value, write_config
from tests.support.bridge_process import popbridge
from tests.support.dovecot import Dovecot

NOBODY: dict[str, Value] = {
    "host": "127.0.0.1",
    "port": 1,
    "tls": "none",
    "user": "anna",
    "password": "upstream-secret",
}
FAX: dict[str, Value] = {"password": "device-secret", "sources": ["mail"]}


def test_a_right_config_is_told_so(tmp_path: Path) -> None:
    done = popbridge("check", config=write_config(tmp_path, {"mail": NOBODY}, {"fax": FAX}))
    assert (done.returncode, done.stderr) == (0, "")
    assert "device fax: login fax reads mail/INBOX" in done.stdout
    assert "secret" not in done.stdout


def test_what_will_hardly_work_is_a_note(tmp_path: Path) -> None:
    account = {**NOBODY, "provider": "icloud", "user": "anna@icloud.com", "password": "abcd-efgh-ijkl-mnop"}
    done = popbridge("check", config=write_config(tmp_path, {"mail": account}, {"fax": FAX}))
    assert done.returncode == 0
    assert "note: account mail: iCloud Mail mostly wants the user without the domain: anna" in done.stdout
    assert "abcd-efgh" not in done.stdout


def test_a_devices_password_that_opens_the_account_is_a_note(tmp_path: Path) -> None:
    fax = {**FAX, "password": NOBODY["password"]}
    done = popbridge("check", config=write_config(tmp_path, {"mail": NOBODY}, {"fax": fax}))
    assert done.returncode == 0
    assert "note: device.fax: its password is that of account mail" in done.stdout
    assert "secret" not in done.stdout


def test_a_key_that_cannot_sign_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "app.key").write_text("no-key-at-all\n")
    (tmp_path / "app.key").chmod(0o600)
    oauth: dict[str, Value] = {"flow": "certificate", "client_id": "x", "issuer": "https://x", "key_file": "app.key"}
    account = {**{key: value for key, value in NOBODY.items() if key != "password"}, "oauth": oauth}
    done = popbridge("check", config=write_config(tmp_path, {"mail": account}, {"fax": FAX}))
    assert (done.returncode, done.stdout) == (2, "")
    assert "account.mail.oauth: the key is no private key in PEM" in done.stderr


def test_how_an_account_signs_in_is_told(tmp_path: Path) -> None:
    oauth: dict[str, Value] = {"client_id": "x", "issuer": "https://x", "flow": "client-credentials"}
    account = {key: value for key, value in NOBODY.items() if key != "password"}
    account["oauth"] = {**oauth, "client_secret": "hunter2-secret"}
    done = popbridge("check", config=write_config(tmp_path, {"mail": account}, {"fax": FAX}))
    assert "account mail: anna at 127.0.0.1 port 1 tls=none token=custom flow=client-credentials" in done.stdout


def test_connect_names_the_account_that_cannot_be_reached(tmp_path: Path) -> None:
    done = popbridge("check", "--connect", config=write_config(tmp_path, {"mail": NOBODY}, {"fax": FAX}))
    assert done.returncode == 1
    assert "account mail: failed" in done.stdout
    assert "127.0.0.1:1 cannot be reached" in done.stdout


def test_connect_says_what_the_provider_wants(tmp_path: Path, dovecot: Dovecot) -> None:
    user = dovecot.fresh_user()
    place = {**NOBODY, "port": dovecot.imap_port, "user": user, "provider": "t-online"}
    done = popbridge("check", "--connect", config=write_config(tmp_path, {"mail": place}, {"fax": FAX}))
    assert done.returncode == 1
    assert "account mail: failed" in done.stdout
    assert "account mail: the server does not take this user and password (" in done.stdout
    assert "wants an app password: set a password for e-mail programs in Telekom's Kundencenter" in done.stdout
    assert "upstream-secret" not in done.stdout


def test_connect_tells_what_messages_are_known_by(tmp_path: Path, dovecot: Dovecot) -> None:
    user = dovecot.fresh_user()
    dovecot.append_all(user, [b"Message-ID: <1@example.org>\r\n\r\n", b"Subject: without\r\n\r\n"])
    account = {**NOBODY, "port": dovecot.imap_port, "user": user, "password": dovecot.users[user]}
    done = popbridge("check", "--connect", config=write_config(tmp_path, {"mail": account}, {"fax": FAX}))
    assert done.returncode == 0
    assert "to tell messages apart: a digest of Message-ID, Date, From, To and Subject" in done.stdout
    assert "mailbox INBOX: INBOX, 2 messages" in done.stdout
    assert "; of the newest 2, 1 have a Message-ID" in done.stdout


def test_connect_names_a_mailbox_that_a_device_wants_and_that_is_not_there(tmp_path: Path, dovecot: Dovecot) -> None:
    user = dovecot.fresh_user()
    account = {**NOBODY, "port": dovecot.imap_port, "user": user, "password": dovecot.users[user], "archive": "Keep"}
    fax = {**FAX, "sources": ["mail", "mail/archive", "mail/Junk"], "on_delete": "archive"}
    den = {**FAX, "on_delete": "trash"}
    done = popbridge("check", "--connect", config=write_config(tmp_path, {"mail": account}, {"fax": fax, "den": den}))
    assert done.returncode == 1
    problems = [line.strip() for line in done.stdout.splitlines() if "problem: " in line]
    assert problems == [
        "problem: account mail: there is no mailbox 'archive' (did you mean 'Archive'?)",
        "problem: account mail: there is no mailbox 'Keep'",
    ]
    assert "mailbox Junk: Junk, 0 messages" in done.stdout
    assert "mailbox \\Trash: Trash, 0 messages" in done.stdout


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"mail": {**NOBODY, "prot": 1}}, {"fax": {**FAX, "sources": ["nowhere"]}})
    done = popbridge("check", config=config)
    assert done.returncode == 2
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["account.mail.prot", "device.fax.sources.1"]


def test_what_old_devices_and_proxies_are_let_do_is_noted(tmp_path: Path) -> None:
    names = read_names(["nas.lan"])
    authority = Authority.make(names, time.time())
    tables = []
    for number, (elliptic, days) in enumerate(((False, 400), (True, 4))):
        certificate, key = authority.issue(names, time.time(), days, elliptic=elliptic)
        files = [tmp_path / f"{number}.{end}" for end in ("crt", "key")]
        files[0].write_bytes(certificate)
        files[1].write_bytes(key)
        secured: Table = {"tls": "implicit", "certificate": str(files[0]), "key": str(files[1])}
        tables.append({"address": f"{('127.0.0.1', '0.0.0.0')[number]}:0", "tls_profile": "legacy", **secured})
    tables.append({"address": "127.0.0.1:0", "proxy_protocol": ["127.0.0.1", "10.0.0.0/8"]})
    fax = {**FAX, "networks": ["192.168.1.0/24"]}
    config = write_config(tmp_path, {"mail": NOBODY}, {"fax": fax, "den": FAX}, tables)
    done = popbridge("check", config=config)
    assert (done.returncode, done.stderr) == (0, "")
    notes = [line.removeprefix("note: listener.") for line in done.stdout.splitlines() if line.startswith("note: ")]
    assert [
        note for note in notes if note.startswith('1: tls_profile = "legacy" takes TLS 1.0 and 1.1, CBC with SHA-1')
    ]
    assert [note for note in notes if note.startswith("1: ")][1:] == [
        "1: den may log in there from any network (`networks`)"
    ]
    second = [note for note in notes if note.startswith("2: ")]
    assert second[0].startswith(f"2: the certificate {tmp_path}/1.crt ends on ")
    assert second[1].startswith("2: no certificate of it has an RSA key")
    assert "2: it is not bound to a private address: bind it to the network where the old devices are" in second
    assert [note for note in notes if note.startswith("3: ")] == [
        "3: proxy_protocol: whoever connects from 10.0.0.0/8 may say that it is somebody else: name only proxies"
    ]
    assert "listener 127.0.0.1:0 tls=implicit tls_profile=legacy plaintext_login=private" in done.stdout


def test_connecting_where_nobody_has_signed_in(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n")
    (tmp_path / "key").chmod(0o600)
    oauth: dict[str, Value] = {"client_id": "x", "flow": "device", "token_endpoint": "http://127.0.0.1:1/token"}
    oauth |= {"device_authorization_endpoint": "http://127.0.0.1:1/device", "scope": "imap"}
    account = {**{key: value for key, value in NOBODY.items() if key != "password"}, "oauth": oauth}
    server: dict[str, Value] = {"token_key_file": "key"}
    config = write_config(tmp_path, {"mail": account}, {"fax": FAX}, server=server)
    done = popbridge("check", "--connect", config=config)
    assert done.returncode == 1
    assert "account mail: failed" in done.stdout
    assert "`popbridge login mail` signs in" in done.stdout
