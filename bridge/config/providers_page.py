"""The page about providers, made from their presets."""

from collections.abc import Iterator

from bridge.model.presets import PRESETS, Preset
from bridge.model.registries import ACCOUNT_QUIRKS, Quirk

HEAD = """\
# Providers

`provider = "gmail"` in an account gives the keys that depend on whose server it is: `host`, `port`, `tls`,
`max_connections` and `quirks`. What the config says itself wins. `popbridge check` says what a provider wants that the
config does not have, and `popbridge check --connect`, `status` and the log say it when the server refuses.

- *Connections*: how many popbridge uses, of how many the server bears from one user, as far as that is known. Your
  other programs need some, too.
- *A day*: what may be fetched within 24 hours. Near its end popbridge fetches nothing in the background any more, while
  devices go on.
- OAuth needs a client of your own, and so does `popbridge login`: [signing-in.md](signing-in.md).
- Providers change their minds. Each entry says when it was looked up, and where.

This page is made from `bridge/model/presets.py`; change it there.

| `provider` | who | server | sign in with | `user` | connections | a day |
|---|---|---|---|---|---|---|
"""

USERS = {"address": "the whole address", "local part": "without the domain", "any": "as the server wants it"}

QUIRKS_HEAD = """
## Quirks

Named in an account's `quirks`; the providers above have theirs by themselves. A list in the config takes the place of
the provider's.

"""


def providers() -> str:
    """Give the page, as Markdown."""
    rows = "".join(_row(name, preset) for name, preset in PRESETS.items())
    entries = "".join(f"\n## {name}\n\n{''.join(_lines(preset))}" for name, preset in PRESETS.items())
    return HEAD + rows + entries + QUIRKS_HEAD + "".join(_quirk(*each) for each in ACCOUNT_QUIRKS.items())


def _row(name: str, preset: Preset) -> str:
    server = f"`{preset.host}` port {preset.port}" if preset.host else "your own"
    used = f"{preset.max_connections} of {preset.connections}" if preset.connections else str(preset.max_connections)
    day = f"{preset.daily_octets / 10**6:.0f} MB" if preset.daily_octets else "-"
    ways = ", ".join("OAuth" if way == "oauth" else way for way in preset.ways)
    cells = (f"`{name}`", preset.title, server, ways, USERS[preset.user], used, day)
    return f"| {' | '.join(cells)} |\n"


def _lines(preset: Preset) -> Iterator[str]:
    if not preset.takes_passwords:
        yield "- Takes no password, only OAuth: give `oauth`, then run `popbridge login NAME`.\n"
    if preset.wants:
        yield f"- Password: {preset.wants}.\n"
    if preset.switch:
        yield f"- IMAP is switched on {preset.switch}.\n"
    if preset.tls != "implicit":
        yield f'- `tls = "{preset.tls}"`.\n'
    if preset.quirks:
        yield f"- Quirks: {', '.join(f'`{name}`' for name in sorted(preset.quirks))}.\n"
    if preset.folders:
        named = (f"`{use}`: {', '.join(names)}" for use, names in preset.folders.items())
        yield f"- Mailboxes that it may not mark: {'; '.join(named)}.\n"
    yield f"- Looked up {preset.checked}: {', '.join(f'<{source}>' for source in preset.sources)}\n"


def _quirk(name: str, quirk: Quirk) -> str:
    looked_up = f" ({quirk.checked}, <{quirk.source}>)" if quirk.source else ""
    return f"- `{name}`: {quirk.text}{looked_up}.\n"
