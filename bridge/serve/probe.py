"""`popbridge check --connect`: what each account's server offers, in words."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import trio

from bridge.model.failures import UpstreamError
from bridge.model.settings import AccountSettings, Settings
from bridge.oauth import Keeper
from bridge.serve.tokens import Unkept, token_source
from bridge.upstream import Account, ProbedMailbox, ProbeReport


def probe_accounts(settings: Settings) -> list[dict[str, Any]]:
    """Sign in to every account, all at once, and tell what was found: `account`, `ok`, and `lines` to show.

    Those whose tokens are kept are left out: whoever has the database asks for each of them by `account_probe`.
    """
    return trio.run(_probe_all, settings)


async def _probe_all(settings: Settings) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}

    async def probe(account: AccountSettings) -> None:
        tokens = token_source(account, settings.server.upstream_timeout, Unkept())
        found[account.name] = await probe_account(account, settings, tokens)

    async with trio.open_nursery() as nursery:
        for account in settings.accounts.values():
            if account.oauth is None or account.oauth.unattended:
                nursery.start_soon(probe, account)
    return [found[account.name] for account in settings.accounts.values() if account.name in found]


async def probe_account(account: AccountSettings, settings: Settings, tokens: Keeper | None) -> dict[str, Any]:
    """Sign in to one account and tell the same of it. Whatever is wrong there is told in `lines`."""
    whole = replace(account, mailboxes=tuple(dict.fromkeys(_used(account, settings))))
    try:
        report = await Account(whole, timeout=settings.server.upstream_timeout, tokens=tokens).probe()
    except UpstreamError as failure:
        return {"account": account.name, "ok": False, "lines": [str(failure)]}
    wrong = any(mailbox.problem for mailbox in report.mailboxes)
    return {"account": account.name, "ok": not wrong, "lines": list(_lines(report))}


def _used(account: AccountSettings, settings: Settings) -> Iterator[str]:
    """Give every mailbox that is to be there: the account's own, what devices read, and where they move messages."""
    yield from account.mailboxes
    for device in settings.devices.values():
        mine = [source.mailbox for source in device.sources if source.account == account.id]
        yield from mine
        if mine and device.on_delete == "trash":
            yield "\\Trash"
        # Gmail has none of this use, and does without.
        if mine and device.on_delete == "archive" and account.archive != "\\Archive":
            yield account.archive


def _lines(report: ProbeReport) -> Iterator[str]:
    yield f"greeting: {report.greeting}"
    yield f"TLS: {report.tls}"
    if report.server:
        yield f"server: {report.server}"
    yield f"offers: {' '.join(report.capabilities)}"
    for what, how in report.uses.items():
        yield f"to {what}: {how}"
    for mailbox in report.mailboxes:
        if not mailbox.problem:
            yield f"mailbox {mailbox.selector}: {mailbox.name}, {mailbox.messages} messages{_more(mailbox)}"
    if report.quota is not None:
        used, limit = report.quota
        yield f"quota: {used} of {limit} octets used{f' ({used * 100 // limit} %)' if limit else ''}"
    yield from (f"problem: {problem}" for problem in report.problems)


def _more(mailbox: ProbedMailbox) -> str:
    octets = "" if mailbox.octets is None else f", {mailbox.octets} octets"
    if not mailbox.looked_at:
        return octets
    return f"{octets}; of the newest {mailbox.looked_at}, {mailbox.with_message_id} have a Message-ID"
