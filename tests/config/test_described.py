"""What is made from the schema is fresh, and true."""

import re
import tomllib
from base64 import b64encode
from pathlib import Path

import pytest

from bridge.config import describe, load, passthrough
from bridge.config.generate import GENERATED, main
from bridge.config.tables import Table

ROOT = Path(__file__).parents[2]

CONTRACT = {
    "Server": "state_dir control metrics web log log_level upstream_timeout login_timeout autologout refresh_wait "
    "undo_window history max_sessions max_sessions_per_peer read_ahead read_ahead_total token_key_credential "
    "token_key_file token_key_env language",
    "Listener": "address tls certificate key tls_profile plaintext_login auth proxy_protocol",
    "Account": "id provider host port tls insecure ca_file user password password_file password_env password_command "
    "password_credential oauth mailboxes max_connections poll_interval spool spool_max spool_age archive "
    "allow_plain_expunge quirks",
    "OAuth": "provider flow client_id client_secret client_secret_file client_secret_env client_secret_command "
    "client_secret_credential client_auth tenant scope issuer authorization_endpoint device_authorization_endpoint "
    "token_endpoint redirect_uri key_file key_env key_command key_credential certificate_file subject ca_file",
    "Device": "id login password_hash password password_file password_env password_command password_credential sources "
    "networks auth start window search deduplicate provenance on_delete delete_when on_retrieve max_deletes sizes "
    "profile max_size notices device_type quirks",
}
"""Every key there will be: the whole schema exists from the first release."""

PASSED = '# [passthrough."example.org"]'


@pytest.mark.parametrize("name", GENERATED)
def test_generated_files_are_fresh(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == GENERATED[name](), "run `python -m bridge.config.generate`"


def test_generating_writes_them(tmp_path: Path) -> None:
    for name in GENERATED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
    main(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(GENERATED)


@pytest.mark.parametrize(
    "model", [*(model for _, _, model in describe.TABLES), *(model for _, model in describe.INNER)]
)
def test_the_whole_schema_exists(model: type[Table]) -> None:
    assert set(model.model_fields) == set(CONTRACT[model.__name__].split())


def test_each_key_of_accounts_and_devices_passes_through_or_is_refused() -> None:
    """A new one is decided on: it may say who signs in or who logs in."""
    common = CONTRACT["Account"].split() + CONTRACT["Device"].split()
    assert {*common, "remember", "max_accounts"} == {*passthrough.KEYS, *passthrough.REFUSED}
    assert set(passthrough.KEYS).isdisjoint(passthrough.REFUSED)


def test_the_example_is_right(tmp_path: Path) -> None:
    path = tmp_path / "popbridge.toml"
    path.write_text(describe.example(), encoding="utf-8")
    (tmp_path / "family.secret").write_text("hunter2\n")
    found = load(path, environ={})
    assert (len(found.listeners), list(found.accounts), list(found.devices)) == (1, ["family"], ["fax"])


def test_every_line_of_the_example_may_be_used(tmp_path: Path) -> None:
    """Each commented key is taken when it alone is added to what stands there."""
    for name in ("tls.crt", "tls.key", "ca.pem", "family.secret", "fax.secret"):
        (tmp_path / name).write_text("hunter2")
    path = tmp_path / "popbridge.toml"
    example = describe.example()
    tried = 0
    for match in re.finditer(r"^# (\w+) = .*$", example, re.MULTILINE):
        key = match[1]
        if key.startswith(("password", "token_key")) or key in {"certificate", "key", "tls", "oauth"}:
            continue  # one of several, or one of a pair: tried in the tests of listeners and passwords
        tried += 1
        text = example[: match.start()] + match[0][2:] + example[match.end() :]
        if match.start() > example.index(PASSED):
            text = text.replace(PASSED, PASSED[2:]).replace('# host = "imap', 'host = "imap')
            text = text.replace("# token_key_env", "token_key_env")
        path.write_text(text, encoding="utf-8")
        load(path, environ={"POPBRIDGE_KEY": b64encode(bytes(32)).decode()})
    assert tried > 20


def test_the_example_has_every_key_that_is_built_and_no_other() -> None:
    shown = re.findall(r"^(?:# )?(\w+) = ", describe.example().replace(f"{PASSED}\n# host = ", ""), re.MULTILINE)
    tables = describe.reference().partition("\n## `oauth` of an account")[0]
    reference = re.findall(r"^\| `(\w+)` \|(?!.*Not supported)", tables, re.MULTILINE)
    assert shown == reference
    assert tomllib.loads(describe.example())
