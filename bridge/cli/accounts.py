"""`popbridge accounts`: how the accounts are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from bridge.cli.asking import VERSION, overview
from bridge.cli.settings import config_option, settings


@click.command("accounts", short_help="Show the accounts and their mailboxes.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Show the accounts, whether they are reached, and their mailboxes."""
    from bridge.cli import tables

    accounts = overview(settings(secrets=False))["accounts"]
    if as_json:
        tables.show_json({"version": VERSION, "accounts": accounts})
    else:
        tables.show(lines(accounts))


def lines(accounts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the table of accounts, a line for each mailbox."""
    from bridge.cli.tables import table

    head = (
        "account",
        "state",
        "quota",
        "spooled",
        "within a day",
        "mailbox",
        "watched",
        "messages",
        "unmeasured",
        "note",
    )
    return table(head, _rows(accounts))


def _rows(accounts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    for account in accounts:
        mailboxes = account["mailboxes"] or [{"name": None, "listed": True, "messages": None, "unmeasured": None}]
        for mailbox in mailboxes:
            messages = mailbox["messages"] if mailbox["listed"] else mailbox.get("progress") or "not listed yet"
            yield (
                account["name"],
                account["state"],
                _quota(account.get("quota")),
                _spooled(account.get("spooled")),
                _day(account.get("day")),
                mailbox["name"],
                mailbox.get("watched"),
                messages,
                mailbox["unmeasured"],
                _note(account, mailbox),
            )


def _quota(quota: Mapping[str, Any] | None) -> str | None:
    from bridge.cli.tables import size

    if not quota:
        return None
    return f"{size(quota['used'])} of {size(quota['limit'])}"


def _spooled(spooled: Mapping[str, Any] | None) -> str | None:
    from bridge.cli.tables import count, size

    return f"{count(spooled['messages'], 'message')}, {size(spooled['octets'])}" if spooled else None


def _day(day: Mapping[str, Any] | None) -> str | None:
    from bridge.cli.tables import count, size

    if not day:
        return None
    octets = f"{size(day['octets'])} of {size(day['budget'])}" if day["budget"] else size(day["octets"])
    return f"{octets}, {count(day['connections'], 'connection')}"


def _note(account: Mapping[str, Any], mailbox: Mapping[str, Any]) -> str:
    """What is wrong with the account, what is missing from the mailbox and still listed, and what moved at once."""
    doubted = (one for one in account.get("suspicions", ()) if one["mailbox"] == mailbox["name"])
    notes = [
        account["note"],
        "" if account.get("refused") or account.get("paused") else _next_try(account.get("next_try")),
        *_standing(account),
        *(f"{one['missing']} missing" for one in doubted),
        _rematched(account.get("rematched")),
    ]
    return "; ".join(filter(None, notes))


def _standing(account: Mapping[str, Any]) -> Iterator[str]:
    from bridge.cli.tables import count, moment

    if paused := account.get("paused"):
        yield f"left alone until {moment(paused['until'])}: {paused['why']}"
    if fewer := account.get("fewer"):
        yield f"at most {count(fewer['connections'], 'connection')} until {moment(fewer['until'])}"
    if (refused := account.get("refused")) and refused["retried_at"]:
        yield f"tried again {moment(refused['retried_at'])}"


def _next_try(at: object) -> str:
    from bridge.cli.tables import moment

    return f"tried again {moment(at)}" if at else ""


def _rematched(rematched: Mapping[str, Any] | None) -> str:
    from bridge.cli.tables import moment

    if not rematched:
        return ""
    return f"{rematched['messages']} messages were found again at other places, {moment(rematched['at'])}"
