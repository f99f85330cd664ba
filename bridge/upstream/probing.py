"""Looking at an account's server for `check --connect`."""

from collections.abc import Mapping
from dataclasses import replace

import trio

from bridge.identity import message_id
from bridge.imap import commands
from bridge.imap.events import MailboxStatus
from bridge.model.failures import MailboxMissing, UpstreamRefused
from bridge.model.names import MailboxName, Uid, UidValidity
from bridge.model.settings import AccountSettings
from bridge.upstream.carrying_out import ARCHIVED, GMAIL
from bridge.upstream.headers import Header, HeaderFetching, Stumbling
from bridge.upstream.link import Link
from bridge.upstream.listing import search_all
from bridge.upstream.names import MailboxNames, folders_of
from bridge.upstream.opening import examine
from bridge.upstream.quota import quota
from bridge.upstream.report import ProbedMailbox, ProbeReport
from bridge.upstream.signin import SignIn
from bridge.upstream.statuses import lists_states

SAMPLE = 100
"""Messages of each mailbox whose headers are looked at: one command."""


async def probe(settings: AccountSettings, sign_in: SignIn) -> ProbeReport:
    """Sign in, look at the configured mailboxes, and leave. Changes nothing. Raises `UpstreamError`s."""
    link = await sign_in.link()
    try:
        names = MailboxNames(settings.name, folders_of(settings))
        await names.refresh(link)
        mailboxes = tuple([await _mailbox(link, names, selector) for selector in settings.mailboxes])
        problems = [mailbox.problem for mailbox in mailboxes if mailbox.problem]
        if not link.can("MOVE") and not link.can("UIDPLUS"):
            problems.append("it has neither MOVE nor UIDPLUS: nothing can be moved or removed, only hidden")
        return ProbeReport(
            greeting=sign_in.greeting,
            tls=link.stream.tls_version if link.stream.tls else "none",
            server=sign_in.server,
            capabilities=tuple(sorted(link.imap.capabilities)),
            mailboxes=mailboxes,
            uses=_uses(link, sign_in),
            problems=tuple(problems),
            quota=await quota(link),
        )
    finally:
        await link.close()


async def _mailbox(link: Link, names: MailboxNames, selector: str) -> ProbedMailbox:
    try:
        name = await names.find(link, selector)
        items = ["MESSAGES", *(["SIZE"] if link.can("STATUS=SIZE") else [])]
        found: list[MailboxStatus] = []
        command = commands.status(names.spelled(name), items)
        await link.must(f"tell of {name}", command, lambda e: found.append(e) if isinstance(e, MailboxStatus) else None)
    except (MailboxMissing, UpstreamRefused) as failure:
        return ProbedMailbox(selector, problem=str(failure))
    told: Mapping[str, int] = found[-1].items if found else {}
    probed = ProbedMailbox(selector, name, told.get("MESSAGES", 0), told.get("SIZE"))
    return await _look_into(link, names, name, probed) if probed.messages else probed


async def _look_into(link: Link, names: MailboxNames, name: MailboxName, probed: ProbedMailbox) -> ProbedMailbox:
    """Look at the headers that its newest messages are known by."""
    found: list[str] = []

    async def keep(headers: list[Header]) -> None:
        found.extend(message_id(header) for _, header in headers)
        await trio.lowlevel.checkpoint()

    try:
        selected = await examine(link, names, name)
        newest = list(await search_all(link, selected.exists))[-SAMPLE:]
        fetching = HeaderFetching(name, UidValidity(selected.uidvalidity), [Uid(uid) for uid in newest], Stumbling())
        await fetching.stretch(link, keep)
    except (MailboxMissing, UpstreamRefused) as failure:
        return replace(probed, problem=str(failure))
    return replace(probed, looked_at=len(found), with_message_id=sum(map(bool, found)))


def _uses(link: Link, sign_in: SignIn) -> dict[str, str]:
    """Say what will be done how."""
    moving = "MOVE" if link.can("MOVE") else "COPY, then UID EXPUNGE" if link.can("UIDPLUS") else "not at all"
    identity = "EMAILID, and " if link.can("OBJECTID") else "X-GM-MSGID, and " if link.can(GMAIL) else ""
    removing = "UID EXPUNGE" if link.can("UIDPLUS") else "not at all"
    return {
        "sign in": sign_in.mechanism or "already signed in (PREAUTH)",
        "compress": sign_in.compression,
        "hear of new mail": "IDLE" if link.can("IDLE") else "polling",
        "hear of further mailboxes": "LIST-STATUS" if lists_states(link) else "STATUS of each, all at once",
        "see what changed": "CONDSTORE" if link.can("CONDSTORE") else "message counts and UIDs",
        "move messages": moving,
        "remove messages": removing + (ARCHIVED if link.can(GMAIL) else ""),
        "tell messages apart": f"{identity}a digest of Message-ID, Date, From, To and Subject",
    }
