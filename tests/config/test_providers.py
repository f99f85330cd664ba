"""What a provider's preset gives an account, and what is said of accounts that will hardly work there."""

import re
from pathlib import Path

import pytest

from bridge.config.advice import advice
from bridge.model.authorities import AUTHORITIES
from bridge.model.presets import PRESETS, preset_for
from bridge.model.registries import ACCOUNT_QUIRKS
from bridge.model.settings import AccountSettings
from tests.config.examples import settings, whole

NAMES = [
    *("gmail", "google-workspace", "outlook", "microsoft365", "yahoo", "aol", "icloud", "fastmail", "gmx", "web.de"),
    *("t-online", "mailbox.org", "posteo", "proton-bridge", "zoho", "dovecot", "exchange"),
]

GMAIL_PASSWORD = "abcd efgh ijkl mnop"


def table(*lines: str, password: str = GMAIL_PASSWORD, user: str = "anna@example.org") -> str:
    """Write an account's table."""
    return "\n".join(["[account.family]", f'user = "{user}"', f'password = "{password}"', *lines, ""])


def account(directory: Path, *lines: str) -> AccountSettings:
    """Give what an account of these lines means."""
    (found,) = settings(directory, whole(account=table(*lines))).accounts.values()
    return found


class TestData:
    def test_every_name_of_the_contract_has_a_preset(self) -> None:
        assert list(PRESETS) == NAMES

    @pytest.mark.parametrize("name", NAMES)
    def test_each_says_when_and_where_it_was_looked_up(self, name: str) -> None:
        preset = PRESETS[name]
        assert re.fullmatch(r"20[0-9]{2}-[0-9]{2}", preset.checked)
        assert preset.sources
        assert all(source.startswith("https://") for source in preset.sources)

    @pytest.mark.parametrize("name", NAMES)
    def test_each_is_consistent(self, name: str) -> None:
        preset = PRESETS[name]
        assert preset.quirks <= set(ACCOUNT_QUIRKS)
        assert ("oauth" in preset.ways) == bool(preset.authority)
        assert not preset.authority or preset.authority in AUTHORITIES
        assert ("app password" in preset.ways) == bool(preset.wants)
        assert 1 < preset.max_connections <= (preset.connections or 3)
        assert all(use.startswith("\\") and names for use, names in preset.folders.items())
        assert not preset.wants.endswith(".")
        assert not preset.switch.endswith(".")

    def test_the_quirks_of_servers_are_dated(self) -> None:
        named = {quirk for preset in PRESETS.values() for quirk in preset.quirks}
        assert all(ACCOUNT_QUIRKS[name].checked and ACCOUNT_QUIRKS[name].source for name in named)

    def test_a_server_is_known_by_its_host(self) -> None:
        assert preset_for("", "IMAP.gmail.com.") is PRESETS["gmail"]
        assert preset_for("zoho", "imap.zoho.eu") is PRESETS["zoho"]
        assert preset_for("", "imap.example.org") is None
        assert preset_for("", "127.0.0.1") is None


class TestDefaults:
    def test_a_preset_gives_what_is_not_given(self, tmp_path: Path) -> None:
        found = account(tmp_path, 'provider = "gmail"')
        assert (found.host, found.port, found.tls, found.provider) == ("imap.gmail.com", 993, "implicit", "gmail")
        assert (found.max_connections, found.quirks) == (5, frozenset({"expunge-archives"}))

    def test_what_is_given_wins(self, tmp_path: Path) -> None:
        lines = ['host = "proxy.example.org"', "port = 1993", "max_connections = 2", "quirks = []"]
        found = account(tmp_path, 'provider = "gmail"', *lines)
        assert (found.host, found.port, found.max_connections) == ("proxy.example.org", 1993, 2)
        assert (found.quirks, found.provider) == (frozenset(), "gmail")

    def test_another_kind_of_tls_has_its_own_port(self, tmp_path: Path) -> None:
        found = account(tmp_path, 'provider = "gmx"', 'tls = "starttls"')
        assert (found.host, found.port, found.tls) == ("imap.gmx.net", 143, "starttls")

    def test_a_bridge_on_this_machine(self, tmp_path: Path) -> None:
        found = account(tmp_path, 'provider = "proton-bridge"')
        assert (found.host, found.port, found.tls) == ("127.0.0.1", 1143, "starttls")

    def test_a_kind_of_server_has_a_host_of_ones_own(self, tmp_path: Path) -> None:
        found = account(tmp_path, 'provider = "exchange"', 'host = "mail.example.org"')
        assert (found.host, found.port, found.max_connections) == ("mail.example.org", 993, 3)
        assert found.quirks == frozenset({"no-ranges"})

    def test_a_proxy_may_take_passwords_for_a_provider_that_does_not(self, tmp_path: Path) -> None:
        assert account(tmp_path, 'provider = "outlook"', 'host = "127.0.0.1"').host == "127.0.0.1"


class TestAdvice:
    def told(self, directory: Path, text: str, device: str = "") -> list[str]:
        device = f'[device.fax]\npassword = "hunter3"\nsources = ["family"]\n{device}\n'
        return list(advice(settings(directory, whole(account=text, device=device))))

    @pytest.mark.parametrize(
        "text",
        [
            table('provider = "gmail"'),
            table('provider = "gmail"', password=GMAIL_PASSWORD.replace(" ", "")),
            table('provider = "icloud"', user="anna", password="abcd-efgh-ijkl-mnop"),
            table('provider = "web.de"', user="anna", password="hunter2"),
            table('host = "imap.example.org"', user="anna", password="hunter2"),
        ],
    )
    def test_what_is_well_is_left_alone(self, text: str, tmp_path: Path) -> None:
        assert self.told(tmp_path, text) == []

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (table('provider = "icloud"', password="abcd-efgh-ijkl-mnop"), "wants the user without the domain: anna"),
            (table('provider = "posteo"', user="anna"), "Posteo wants the whole address as the user"),
            (table('provider = "gmail"', password="hunter2"), "apppasswords"),
            (table('provider = "proton-bridge"'), "name it as ca_file"),
        ],
    )
    def test_what_will_hardly_work_is_told(self, text: str, words: str, tmp_path: Path) -> None:
        (sentence,) = self.told(tmp_path, text)
        assert sentence.startswith("account family: ")
        assert words in sentence
        assert "hunter2" not in sentence

    def test_that_expunging_archives_is_told(self, tmp_path: Path) -> None:
        (sentence,) = self.told(tmp_path, table('provider = "gmail"'), 'on_delete = "expunge"')
        assert sentence.startswith("device fax: what is expunged from family stays")
        assert self.told(tmp_path, table('provider = "gmail"'), 'on_delete = "trash"') == []
        assert self.told(tmp_path, table('provider = "fastmail"'), 'on_delete = "expunge"') == []
