"""`popbridge check --connect`: what each account's server offers, in words."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import trio

from bridge.model.failures import UpstreamError
from bridge.model.settings import AccountSettings, Settings
from bridge.upstream import Account, ProbedMailbox, ProbeReport


def probe_accounts(settings: Settings) -> list[dict[str, Any]]:
    """Sign in to every account, all at once, and tell what was found: `account`, `ok`, and `lines` to show."""
    return trio.run(_probe_all, settings)


async def _probe_all(settings: Settings) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    async with trio.open_nursery() as nursery:
        for account in settings.accounts.values():
            whole = replace(account, mailboxes=tuple(dict.fromkeys(_used(account, settings))))
            nursery.start_soon(_probe, whole, settings.server.upstream_timeout, found)
    return [found[account.name] for account in settings.accounts.values()]


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


async def _probe(account: AccountSettings, timeout: float, found: dict[str, dict[str, Any]]) -> None:
    try:
        report = await Account(account, timeout=timeout).probe()
    except UpstreamError as failure:
        found[account.name] = {"account": account.name, "ok": False, "lines": [str(failure)]}
        return
    wrong = any(mailbox.problem for mailbox in report.mailboxes)
    found[account.name] = {"account": account.name, "ok": not wrong, "lines": list(_lines(report))}


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
