"""What an account's `oauth` means: what the providers give, and what the configuration says instead."""

import json
import re
from pathlib import Path

import pytest

from bridge.model.authorities import AUTHORITIES
from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from bridge.model.urls import url_problem
from tests.config.examples import problems, settings, whole

KEY = 'token_key_env = "KEY"'
ENVIRON = {"HOME": "/home/anna", "KEY": "A" * 43 + "=", "SECRET": "hunter2"}

ACCOUNT = '[account.family]\nhost = "imap.example.org"\nuser = "family@example.org"\noauth = { %s }\n'


def oauth(tmp_path: Path, written: str, *, secrets: bool = True) -> OAuthSettings:
    found = settings(tmp_path, whole(KEY, account=ACCOUNT % written), ENVIRON, secrets=secrets)
    (account,) = found.accounts.values()
    assert account.oauth is not None
    assert account.password == Secret("")
    return account.oauth


def test_the_contract_s_own_line(tmp_path: Path) -> None:
    found = oauth(tmp_path, 'provider = "microsoft", client_id = "x", flow = "device"')
    assert found == OAuthSettings(
        authority="microsoft",
        flow="device",
        client_id="x",
        tenant="common",
        authorization_endpoint="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        device_authorization_endpoint="https://login.microsoftonline.com/common/oauth2/v2.0/devicecode",
        token_endpoint="https://login.microsoftonline.com/common/oauth2/v2.0/token",
        scope="https://outlook.office.com/IMAP.AccessAsUser.All offline_access openid email profile",
    )


def test_a_table_of_its_own_means_the_same(tmp_path: Path) -> None:
    account = ACCOUNT.replace("oauth = { %s }", '[account.family.oauth]\nprovider = "microsoft"\nclient_id = "x"')
    (found,) = settings(tmp_path, whole(KEY, account=account), ENVIRON).accounts.values()
    assert found.oauth == oauth(tmp_path, 'provider = "microsoft", client_id = "x", flow = "device"')


def test_a_tenant_of_one_s_own(tmp_path: Path) -> None:
    found = oauth(
        tmp_path,
        'provider = "microsoft", client_id = "x", flow = "client-credentials", tenant = "example.org", '
        'client_secret_env = "SECRET"',
    )
    assert found.token_endpoint == "https://login.microsoftonline.com/example.org/oauth2/v2.0/token"
    assert found.scope == "https://outlook.office365.com/.default"
    assert (found.client_secret, found.tenant) == (Secret("hunter2"), "example.org")


@pytest.mark.parametrize("way", ["file", "env", "command", "credential"])
def test_a_client_s_secret_lies_elsewhere(way: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    value = {"file": '"secret"', "env": '"SECRET"', "command": '["cat", "secret"]', "credential": '"secret"'}[way]
    text = whole(KEY, account=ACCOUNT % f'provider = "google", client_id = "x", client_secret_{way} = {value}')
    environ = {**ENVIRON, "CREDENTIALS_DIRECTORY": str(tmp_path), "PATH": "/usr/bin:/bin"}
    (account,) = settings(tmp_path, text, environ).accounts.values()
    assert account.oauth is not None
    assert account.oauth.client_secret == Secret("hunter2")
    assert account.oauth.flow == "browser"


def test_a_service_account_s_file(tmp_path: Path) -> None:
    file = {"private_key": "PEM", "client_email": "robot@x.iam", "private_key_id": "k1", "type": "service_account"}
    (tmp_path / "robot.json").write_text(json.dumps(file))
    found = oauth(tmp_path, 'provider = "google", flow = "service-account", key_file = "robot.json"')
    assert (found.client_id, found.key, found.key_id) == ("robot@x.iam", Secret("PEM"), "k1")
    assert found.subject == "family@example.org"
    assert found.scope == "https://mail.google.com/"


def test_a_certificate_and_its_key(tmp_path: Path) -> None:
    (tmp_path / "app.crt").write_text("CERTIFICATE")
    (tmp_path / "app.key").write_text("KEY\nPEM\n")
    written = (
        'provider = "microsoft", flow = "certificate", client_id = "x", tenant = "example.org", '
        'certificate_file = "app.crt", key_file = "app.key"'
    )
    found = oauth(tmp_path, written)
    assert (found.certificate, found.key.reveal()) == ("CERTIFICATE", "KEY\nPEM")
    assert found.unattended


def test_nothing_is_opened_for_those_who_need_no_secrets(tmp_path: Path) -> None:
    found = oauth(tmp_path, 'provider = "google", flow = "service-account", key_file = "none.json"', secrets=False)
    assert found.key == Secret("")
    found = oauth(
        tmp_path,
        'provider = "microsoft", flow = "certificate", client_id = "x", tenant = "t", certificate_file = "none.crt", '
        'key_command = ["false"]',
        secrets=False,
    )
    assert found.certificate == ""


def test_a_server_of_one_s_own(tmp_path: Path) -> None:
    found = oauth(
        tmp_path,
        'client_id = "x", token_endpoint = "http://127.0.0.1:8080/t", scope = "imap", client_auth = "basic", '
        'device_authorization_endpoint = "http://[::1]/d"',
    )
    assert (found.authority, found.flow, found.client_auth) == ("custom", "device", "basic")
    assert oauth(tmp_path, 'client_id = "x", issuer = "https://login.example.org/x"').flow == "browser"


def test_a_provider_s_endpoint_may_be_another(tmp_path: Path) -> None:
    found = oauth(
        tmp_path,
        'provider = "zoho", client_id = "x", client_secret = "y", scope = "z", '
        'token_endpoint = "https://accounts.zoho.eu/oauth/v2/token"',
    )
    assert found.token_endpoint == "https://accounts.zoho.eu/oauth/v2/token"
    assert found.authorization_endpoint == "https://accounts.zoho.com/oauth/v2/auth"


def test_without_a_person_no_token_is_kept_and_no_key_needed(tmp_path: Path) -> None:
    text = whole(
        account=ACCOUNT % 'client_id = "x", client_secret = "y", flow = "client-credentials", issuer = "https://x"'
    )
    assert problems(tmp_path, text) == []


def test_the_account_s_provider_says_whose_tokens_it_takes(tmp_path: Path) -> None:
    account = '[account.family]\nprovider = "outlook"\nuser = "anna@outlook.com"\noauth = { client_id = "x" }\n'
    (found,) = settings(tmp_path, whole(KEY, account=account), ENVIRON).accounts.values()
    assert found.oauth is not None
    assert (found.oauth.authority, found.oauth.flow) == ("microsoft", "device")


GUIDE = (Path(__file__).parents[2] / "docs" / "signing-in.md").read_text()


@pytest.mark.parametrize("line", re.findall(r"^oauth = .*$", GUIDE, re.MULTILINE))
def test_what_the_guide_says_is_right(line: str, tmp_path: Path) -> None:
    key = {"private_key": "PEM", "client_email": "robot@x.iam", "private_key_id": "k1"}
    (tmp_path / "robot.json").write_text(json.dumps(key))
    for name in ("google.secret", "app.crt", "app.key", "app.secret"):
        (tmp_path / name).write_text("x")
    account = f'[account.family]\nhost = "imap.example.org"\nuser = "family@example.org"\n{line}\n'
    assert problems(tmp_path, whole(KEY, account=account), ENVIRON) == []


def test_no_secret_is_shown(tmp_path: Path) -> None:
    found = oauth(tmp_path, 'client_id = "x", client_secret = "hunter2", issuer = "https://x"')
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("name", AUTHORITIES)
def test_what_is_known_of_providers_is_whole(name: str) -> None:
    known = AUTHORITIES[name]
    endpoints = [known.authorization_endpoint, known.token_endpoint]
    if "device" in known.flows:
        endpoints.append(known.device_authorization_endpoint)
    assert [url_problem(url.replace("{tenant}", "common")) for url in endpoints] == [""] * len(endpoints)
    assert all(url.startswith("https://") for url in endpoints)
    assert known.scope or known.note
    assert known.register
    assert known.source
    assert known.checked >= "2026"
