"""What is said when a server takes no password: what to do about it, by its words and by whose server it is."""

from dataclasses import replace

import pytest

from bridge.model.failures import UpstreamLoginFailed
from bridge.model.names import AccountId
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer
from tests.upstream.beds import Bed, running

GMAIL = "Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)"


@pytest.mark.parametrize(
    ("provider", "text", "code", "words"),
    [
        ("gmail", GMAIL, "ALERT", "Gmail wants an app password: make an app password at https://myaccount.google.com"),
        ("gmail", "Invalid credentials (Failure)", "AUTHENTICATIONFAILED", "Gmail wants an app password"),
        ("", GMAIL, "ALERT", "it wants an app password, made in the settings of the account at its provider"),
        ("", "no", "AUTHENTICATIONFAILED", "correct them in the config and reload"),
        ("yahoo", "LOGIN Invalid credentials", "AUTHENTICATIONFAILED", "Yahoo Mail wants an app password"),
        (
            "outlook",
            "AUTHENTICATE failed.",
            "",
            "takes no passwords, only OAuth: give oauth and run `popbridge login mail`",
        ),
        ("microsoft365", "LOGIN failed.", "", "Exchange Online takes no passwords, only OAuth"),
        ("", "Basic authentication is disabled.", "", "this server takes no passwords, only OAuth"),
        (
            "icloud",
            "Authentication failed",
            "AUTHENTICATIONFAILED",
            "the user is mostly to be without the domain: anna",
        ),
        ("icloud", "Authentication failed", "AUTHENTICATIONFAILED", "iCloud Mail wants an app password"),
        ("gmx", "authentication failed", "", "IMAP is to be switched on at https://www.gmx.net"),
        (
            "web.de",
            "authentication failed",
            "",
            "with two-factor authentication, make an application-specific password",
        ),
        ("gmail", "Your account is not enabled for IMAP use.", "ALERT", "IMAP is to be switched on in the settings of"),
        ("zoho", "You are yet to enable IMAP for your account.", "", "switched on in Zoho Mail under Settings"),
        ("gmail", "Please log in via your web browser: https://support.google.com", "ALERT", "once with a web browser"),
        ("gmail", "Web login required. (Failure)", "ALERT", "once with a web browser"),
        ("posteo", "Authentication failed.", "AUTHENTICATIONFAILED", "additional email account protection"),
    ],
)
async def test_what_to_do(alone: Bed, provider: str, text: str, code: str, words: str) -> None:
    alone.sandbox.script = Script([Rule("command", Answer("NO", text, code), "AUTHENTICATE")])
    settings = alone.settings(provider=provider, user="anna@icloud.com")
    async with running(settings) as account:
        with pytest.raises(UpstreamLoginFailed) as failure:
            async with account.watch():
                pass
    sentence = str(failure.value)
    assert sentence.startswith(f'account mail: the server does not take this user and password ("{text}"); ')
    assert words in sentence
    assert "anna secret" not in sentence


async def test_the_whole_address_where_it_is_wanted(alone: Bed) -> None:
    alone.sandbox.users["anna"].password = "another"
    async with running(alone.settings(provider="fastmail")) as account:
        with pytest.raises(UpstreamLoginFailed, match="the user is to be the whole address"):
            async with account.watch():
                pass


@pytest.mark.parametrize(
    ("text", "words"),
    [("no", "the next device that comes with the right ones"), ("Basic authentication is disabled.", "[device.NAME]")],
)
async def test_what_to_do_where_a_device_gave_the_password(alone: Bed, text: str, words: str) -> None:
    alone.sandbox.script = Script([Rule("command", Answer("NO", text), "AUTHENTICATE")])
    name = AccountId("anna@example.org")
    async with running(replace(alone.settings(), id=name, name=name)) as account:
        with pytest.raises(UpstreamLoginFailed) as failure:
            async with account.watch():
                pass
    assert words in str(failure.value)
    assert "config" not in str(failure.value)
    assert "popbridge login" not in str(failure.value)
