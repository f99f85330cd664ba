"""`check --connect`: what it tells of each server, and that it changes nothing."""

from typing import Unpack

import pytest
from trio.testing import MockClock

from bridge.model.failures import UpstreamBroken, UpstreamLoginFailed, UpstreamUnavailable
from bridge.model.secret import Secret
from bridge.model.settings import TlsMode
from bridge.sandbox import Rule, SandboxServer, Script
from bridge.sandbox.faults import Answer, Bye, Hang
from bridge.upstream import Account
from tests.support.certificates import Certificate
from tests.upstream.beds import LETTER, SECONDS, Bed, Changes, serving


def unstarted(bed: Bed, **changes: Unpack[Changes]) -> Account:
    """Give an account that is not running: probing needs none."""
    return Account(bed.settings(**changes), timeout=SECONDS)


async def test_what_is_told(bed: Bed) -> None:
    await bed.create("Entw&APw-rfe", "Trash")
    [uid] = await bed.deliver(LETTER)
    await bed.deliver(LETTER, LETTER, mailbox="Entw&APw-rfe")
    report = await unstarted(bed, mailboxes=("INBOX", "Entwürfe", "\\Trash", "Nowhere", "Entwurfe")).probe()
    told = [(mailbox.selector, mailbox.name, mailbox.messages) for mailbox in report.mailboxes]
    assert told == [
        ("INBOX", "INBOX", 1),
        ("Entwürfe", "Entwürfe", 2),
        ("\\Trash", "Trash", 0),
        ("Nowhere", None, 0),
        ("Entwurfe", None, 0),
    ]
    octets = {mailbox.octets for mailbox in report.mailboxes if mailbox.name == "Entwürfe"}
    assert octets == ({None} if bed.kind == "pymap" else {2 * len(LETTER)})
    assert "account mail: there is no mailbox 'Nowhere'" in report.problems
    assert "account mail: there is no mailbox 'Entwurfe' (did you mean 'Entwürfe'?)" in report.problems
    assert (report.tls, bool(report.greeting)) == ("none", True)
    assert {"IMAP4REV1", "IDLE"} <= set(report.capabilities)
    assert report.server == {"sandbox": "sandbox", "pymap": "", "dovecot": "Dovecot"}[bed.kind]
    assert report.uses["sign in"].startswith("AUTHENTICATE PLAIN")
    assert (report.uses["hear of new mail"], report.uses["move messages"]) == ("IDLE", "MOVE")
    assert report.uses["compress"] == ("not on a private address" if bed.kind == "sandbox" else "not offered")
    assert await bed.flags() == {uid: frozenset()}


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_with_tls(certificate: Certificate, tls: TlsMode) -> None:
    pair = (str(certificate.certificate), str(certificate.key))
    async with serving(SandboxServer(tls=tls, certificate=pair)) as bed:
        report = await unstarted(bed, tls=tls, ca_file=str(certificate.ca)).probe()
    assert report.tls == "TLSv1.3"


async def test_a_server_that_can_little(alone: Bed) -> None:
    alone.sandbox.capabilities = {"IMAP4REV1"}
    report = await unstarted(alone).probe()
    assert report.uses["sign in"] == "LOGIN"
    assert report.uses["hear of new mail"] == "polling"
    assert report.uses["move messages"] == report.uses["remove messages"] == "not at all"
    assert any("neither MOVE nor UIDPLUS" in problem for problem in report.problems)


async def test_it_only_looks(alone: Bed) -> None:
    await unstarted(alone).probe()
    changing = {"SELECT", "UID STORE", "UID MOVE", "UID COPY", "EXPUNGE", "UID EXPUNGE", "CLOSE", "APPEND", "CREATE"}
    assert not changing & {moment.command for moment in alone.sandbox.commands()}


async def test_a_wrong_password(bed: Bed) -> None:
    with pytest.raises(UpstreamLoginFailed, match="account mail: the server does not take this user and password"):
        await unstarted(bed, password=Secret("wrong")).probe()


async def test_no_tls_where_it_is_wanted(alone: Bed) -> None:
    with pytest.raises(UpstreamBroken, match="account mail: the server offers no STARTTLS"):
        await unstarted(alone, tls="starttls").probe()


@pytest.mark.parametrize("command", ["AUTHENTICATE", "LIST", "STATUS"])
async def test_trouble_at_each_step(autojump_clock: MockClock, alone: Bed, command: str) -> None:
    for fault, words in ((Bye("too busy"), "too busy"), (Hang(), "took longer than 10 s")):
        alone.sandbox.script = Script([Rule("command", fault, command)])
        with pytest.raises(UpstreamUnavailable, match=f"account mail: .*{words}"):
            await unstarted(alone).probe()
    assert (await unstarted(alone).probe()).problems == ()


async def test_a_mailbox_that_cannot_be_asked_of_is_a_problem(alone: Bed) -> None:
    alone.sandbox.script = Script([Rule("command", Answer("NO", "no rights", "NOPERM"), "STATUS")])
    report = await unstarted(alone).probe()
    [mailbox] = report.mailboxes
    assert mailbox.problem == 'account mail: the server would not tell of INBOX ("no rights")'
    assert mailbox.problem in report.problems
