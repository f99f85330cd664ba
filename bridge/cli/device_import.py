"""`popbridge device import-uidls`: a device moves in, and keeps the unique-ids of its former POP3 server."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from bridge.cli.administering import administer_with
from bridge.cli.settings import config_option, settings
from bridge.model.names import EntrySeq, Uidl
from bridge.model.secret import Secret
from bridge.model.settings import Settings

if TYPE_CHECKING:
    from bridge.former.address import FormerServer
    from bridge.former.formats import Format
    from bridge.former.pairing import Known, Pairing
    from bridge.former.records import FormerMessage

Facts = dict[str, Any]

UNTIL_SHOWN = 1.0
"""Percent of the messages between two lines that say how far the reading is."""


class Asked(NamedTuple):
    """What the command line asks for. Of `server`, `remembered` and `form` at least one is there."""

    device: str
    server: "FormerServer | None"
    password_file: str | None
    ca_file: str
    remembered: Sequence[str] | None
    form: "Format | None"
    source: str


class Found(NamedTuple):
    """What was found: the pairs, how many unique-ids there were, and what popbridge said of the device."""

    pairing: "Pairing"
    former: int
    facts: Facts


@click.command("import-uidls", short_help="Take over the unique-ids of a device's former POP3 server.")
@config_option
@click.argument("name", metavar="NAME")
@click.option("--from", "address", metavar="URL", help="The former server: pop3s://USER@HOST.")
@click.option("--from-file", "file", metavar="KIND:PATH", help="What the device's program remembers.")
@click.option("--of", metavar="USER@HOST", default="", help="Which of several maildrops the file tells of.")
@click.option("--computed", "form", metavar="FORMAT", help="How the former server made its unique-ids.")
@click.option("--source", metavar="ACCOUNT[/MAILBOX]", default="", help="Only messages of this source of the device.")
@click.option("--password-file", metavar="FILE", help="The password for the former server, else it is asked for.")
@click.option("--ca-file", metavar="FILE", default="", help="The roots to trust for the former server, PEM.")
@click.option("--dry-run", is_flag=True, help="Tell what would be taken over, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def import_uidls(ctx: click.Context, /, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Have a device know its messages by the unique-ids of its former POP3 server, so that it fetches none again.

    Do this before the device logs in for the first time. The former server is only read; where its ids follow from
    where messages lie, or the device's program remembers them, a file or a format is enough. docs/moving-in.md tells
    when to use which.
    """
    from bridge.cli import device_import_texts as texts
    from bridge.cli import tables

    loaded = settings(secrets=False)
    found = _find(loaded, _asked(**given))
    saved = {} if dry_run or not found.pairing.pairs else _save(loaded, given["name"], found)
    facts = texts.facts(found.pairing, found.former, found.facts, saved, dry_run=dry_run)
    if as_json:
        tables.show_json(facts)
    else:
        tables.show(texts.lines(facts))
    if not (facts["taken_over"] or facts["there_before"]):
        ctx.exit(1)


def _asked(
    name: str,
    address: str | None,
    file: str | None,
    of: str,
    form: str | None,
    source: str,
    password_file: str | None,
    ca_file: str,
) -> Asked:
    from bridge.former import address as addresses
    from bridge.former import formats

    if not (address or file or form):
        raise click.UsageError("Say where the unique-ids are from: --from, --from-file or --computed.")
    if of and not file:
        raise click.UsageError("--of says which part of a file is meant: it needs --from-file.")
    if (password_file or ca_file) and not address:
        raise click.UsageError("--password-file and --ca-file are for the former server: they need --from.")
    return Asked(
        device=name,
        server=addresses.parse(address) if address else None,
        password_file=password_file,
        ca_file=ca_file,
        remembered=_remembered(file, of) if file else None,
        form=formats.parse(form) if form else None,
        source=source,
    )


def _password(server: "FormerServer", file: str | None) -> Secret:
    """Give the password from its file, from who sits there, or from stdin."""
    if file is not None:
        octets = _read(file)
    elif sys.stdin.isatty():
        return Secret(click.prompt(f"Password of {server}", hide_input=True, err=True, type=str))
    else:
        octets = sys.stdin.buffer.readline(8192)
    return Secret(octets.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape"))


def _remembered(file: str, of: str) -> Sequence[str]:
    from bridge.former import remembered

    kind, colon, path = file.partition(":")
    if not colon or not path:
        raise click.UsageError(f"--from-file is written KIND:PATH, with {', '.join(remembered.KINDS)} for KIND.")
    return remembered.read(kind, _read(path, remembered.LARGEST), of).uidls


def _read(path: str, most: int = 2**20) -> bytes:
    from bridge.config.files import read_bounded
    from bridge.config.values import Wrong

    try:
        return read_bounded(Path(path), most)
    except Wrong as wrong:
        raise click.UsageError(str(wrong)) from None


def _find(loaded: Settings, asked: Asked) -> Found:
    """Pair the former server's unique-ids with what the device is shown."""
    import trio

    from bridge.former import pairing
    from bridge.former.formats import known_formats

    facts, known = _catalogue(loaded, asked)
    formats = [asked.form] if asked.form else known_formats()
    asked_for = asked.form is not None
    if asked.server is not None:
        password = _password(asked.server, asked.password_file)
        found, messages = trio.run(_ask, asked, password, known, formats)
    elif asked.remembered is not None:
        messages = pairing.told(asked.remembered)
        found = pairing.pair(messages, known, formats, asked_for=asked_for)
    else:
        messages = pairing.assumed(formats[0], known, inbox=not asked.source)
        found = pairing.pair(messages, known, formats, asked_for=True)
    if asked.server is not None and asked.remembered is not None:
        facts["remembered"] = _coverage(asked.remembered, messages)
    return Found(found, len(messages), facts)


def _coverage(remembered: Sequence[str], messages: "Sequence[FormerMessage]") -> Facts:
    """Say how much of what the device's program remembers the former server still has: the rest does not matter.

    getmail writes slashes as hyphens.
    """
    there = {message.uidl.replace("/", "-") for message in messages}
    return {"ids": len(remembered), "there": sum(uidl.replace("/", "-") in there for uidl in remembered)}


async def _ask(
    asked: Asked, password: Secret, known: "Known", formats: "Sequence[Format]"
) -> "tuple[Pairing, list[FormerMessage]]":
    from bridge.former.asking import ask
    from bridge.former.reading import former_session

    assert asked.server is not None
    if asked.server.tls == "none":
        click.echo("popbridge: the password for the former server crosses the network in clear", err=True)
    async with former_session(asked.server, password, asked.ca_file) as session:
        return await ask(session, known, formats, _progress(), asked_for=asked.form is not None)


def _progress() -> Callable[[int, int], None]:
    """Write how far the reading is, on a terminal over and over on one line."""
    shown = 0.0
    again = sys.stderr.isatty()

    def progress(done: int, of: int) -> None:
        nonlocal shown
        percent = 100 * done / of
        if done == of or percent >= shown + (UNTIL_SHOWN if again else 10 * UNTIL_SHOWN):
            shown = percent
            start, end = ("\r", done == of) if again else ("", True)
            click.echo(f"{start}looked at {done} of {of} messages", err=True, nl=end)

    return progress


def _catalogue(loaded: Settings, asked: Asked) -> tuple[Facts, "Known"]:
    """Ask for all that the device is shown, page by page."""
    from bridge.former.pairing import Known
    from bridge.former.records import Candidate

    first = administer_with(loaded, "import_catalogue", device=asked.device, source=0, after=0)
    names = [str(one["source"]) for one in first["sources"]]
    chosen = [place for place, name in enumerate(names) if _is_meant(name, asked.source)]
    if not chosen:
        raise click.UsageError(f"device {asked.device} has no source {asked.source}: there are {', '.join(names)}.")
    candidates: list[Candidate] = []
    aliases: dict[EntrySeq, Uidl] = {}
    fetched: set[EntrySeq] = set()
    for source in chosen:
        after: int | None = 0
        while after is not None:
            page = administer_with(loaded, "import_catalogue", device=asked.device, source=source, after=after)
            for seq, uidl, uidvalidity, uid, provider, content, date, alias, was_fetched in page["messages"]:
                inbox = names[source].endswith("/INBOX")
                candidates.append(Candidate(seq, uidl, source, inbox, uidvalidity, uid, provider, content, date))
                aliases.update({seq: alias} if alias else {})
                fetched.update({seq} if was_fetched else ())
            after = page["after"]
    told = [first["sources"][place] for place in chosen]
    facts = {"version": first["version"], "running": first["running"], "device": first["device"], "sources": told}
    return facts, Known(candidates, aliases, fetched)


def _is_meant(name: str, source: str) -> bool:
    account, slash, mailbox = source.partition("/")
    wanted = f"{account}/INBOX" if slash and mailbox.upper() == "INBOX" else source
    return not source or name == wanted or (not slash and name.startswith(f"{source}/"))


def _save(loaded: Settings, device: str, found: Found) -> Facts:
    return administer_with(loaded, "import_uidls", device=device, pairs=[list(pair) for pair in found.pairing.pairs])
