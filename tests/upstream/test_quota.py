"""How full an account is."""

import pytest

from bridge.sandbox import ALL_CAPABILITIES, SandboxServer
from bridge.sandbox.faults import Answer, Rule, Say, Script
from bridge.upstream import Account
from tests.support.dovecot import Dovecot, dovecot_missing
from tests.upstream.beds import LETTER, Bed, running, serving

LIMITED = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=10M
}
"""


async def ask(account: Account) -> tuple[int, int] | None:
    """Ask over the watcher's connection."""
    async with account.watch() as watcher:
        return await watcher.quota()


async def test_dovecot_tells_storage_in_octets() -> None:
    if missing := dovecot_missing():
        pytest.skip(missing)
    with Dovecot(extra=LIMITED) as server:
        bed = Bed("dovecot", server, server.fresh_user())
        await bed.deliver(b"Subject: large\r\n\r\n" + b"x" * 100_000 + b"\r\n")
        async with running(bed.settings()) as account:
            assert await ask(account) == (98 * 1024, 10 * 1024 * 1024)
            report = await account.probe()
    assert report.quota == (98 * 1024, 10 * 1024 * 1024)


async def test_servers_without_it(bed: Bed, account: Account) -> None:
    assert await ask(account) is None


async def test_the_limit_that_is_reached_first() -> None:
    async with serving(SandboxServer(capabilities=ALL_CAPABILITIES | {"QUOTA"})) as bed:
        bed.sandbox.users["anna"].quota = 1024 * 1024
        await bed.deliver(LETTER)
        more = b'* QUOTA other (MESSAGE 5 6 STORAGE 900 1000)\r\n* QUOTA "third" ()\r\n'
        async with running(bed.settings()) as account:
            assert await ask(account) == (1024, 1024 * 1024)
            bed.sandbox.script = Script([Rule("command", Say(more), "GETQUOTAROOT")])
            assert await ask(account) == (900 * 1024, 1000 * 1024)


async def test_no_limit_and_no_answer_are_none() -> None:
    offering = SandboxServer(capabilities=ALL_CAPABILITIES | {"QUOTA"})
    async with serving(offering) as bed, running(bed.settings()) as account:
        assert await ask(account) is None
        offering.script = Script([Rule("command", Answer("NO", "not now"), "GETQUOTAROOT")])
        assert await ask(account) is None
