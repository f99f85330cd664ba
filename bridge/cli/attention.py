"""What `status` says in sentences: what waits for the owner, and the command that settles it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.cli.tables import count, hours, moment, size
from bridge.config.problems import printable

Facts = Mapping[str, Any]

NEARLY_FULL = 0.9
"""Of an account's quota: from here on it is named, when what its devices delete only hides."""


def attention(found: Facts) -> list[str]:
    """Give a sentence for everything that waits for the owner. Of an older bridge's facts, what it does not tell is
    passed over.
    """
    return [
        *_whole(found),
        *_passthrough(found.get("passthrough", ())),
        *_accounts(found["accounts"]),
        *_devices(found["devices"]),
        *_forgettable(found),
    ]


def _whole(found: Facts) -> Iterator[str]:
    if found.get("restored"):
        yield (
            "this database was put back from a backup: nothing is done upstream until `popbridge resume`; look first"
            " what is pending"
        )
    if behind := found.get("clock_behind"):
        way = "ahead" if behind > 0 else "back"
        yield (
            f"the system's clock was set {way} by {hours(abs(behind))} while popbridge ran, which goes on by its own"
            " time, so that nothing is done too early: restart it once the clock is right"
        )
    if problem := found.get("spool_problem"):
        yield f"no more messages are kept on disk, and devices get them from their server: {printable(problem)}"
    shown = (one for listener in found.get("listeners", ()) for one in listener.get("certificates", ()))
    for problem in dict.fromkeys(one["problem"] for one in shown if one["problem"]):
        yield (
            f"{printable(problem)}: put a new one in its place (`popbridge certificate --renew` where that made it) and"
            " reload"
        )


def _passthrough(domains: Sequence[Facts]) -> Iterator[str]:
    for one in domains:
        if one.get("wrong"):
            accounts = count(one["wrong"], "account is", "accounts are")
            yield (
                f"passthrough {printable(one['domain'])}: {accounts} not let in by their server any more: each is again"
                " once a device logs in with the password that it takes"
            )


def _accounts(accounts: Sequence[Facts]) -> Iterator[str]:
    for account in accounts:
        name = printable(account["name"])
        if (token := account.get("token")) and account["state"] == "needs sign-in":
            yield printable(token["problem"] if token["sign_in_needed"] else account["note"])
        yield from (_suspicion(name, one) for one in account.get("suspicions", ()))
        passed = account.get("passthrough")  # told of with its domain: its devices set it right
        if not passed and (refused := account.get("refused")) and not refused["retried_at"]:
            yield (
                f"account {name}: its server does not take its user and password, and they are not tried again before"
                f" they change in the configuration, or `popbridge account retry {name}` says so:"
                f" {printable(account['note'])}"
            )
        if (day := account.get("day")) and not day["background"]:
            yield (
                f"account {name}: {size(day['octets'])} of the {size(day['budget'])} that its provider lets be fetched"
                " within a day are: what no device waits for is not fetched meanwhile"
            )
        if account.get("only_hiding") and (quota := account.get("quota")) and _full(quota) >= NEARLY_FULL:
            devices = _names(account["only_hiding"])
            yield (
                f"account {name}: {_full(quota):.0%} of its quota is used, and nothing that {devices} deletes is ever"
                " removed there (`on_delete`)"
            )


def _suspicion(account: str, one: Facts) -> str:
    which = f"{one['missing']} of {one['known']} messages of {printable(one['mailbox'])}"
    missing = f"account {account}: {which} are missing since {moment(one['since'])}"
    if one["accepted"]:
        return f"{missing}; that they are gone is believed at the next look"
    return (
        f"{missing}, and still listed: believed to be gone at {moment(one['believed_at'])}, or now by"
        f" `popbridge account accept {account}`"
    )


def _full(quota: Facts) -> float:
    return float(quota["used"] / quota["limit"]) if quota["limit"] else 1.0


def _names(names: Sequence[str]) -> str:
    return printable(", ".join(names))


def _devices(devices: Sequence[Facts]) -> Iterator[str]:
    for device in devices:
        name = printable(device["name"])
        yield from _never_shown(name, device)
        if device.get("held"):
            yield (
                f"device {name}: {count(device['held'], 'deletion is', 'deletions are')} held back since"
                f" {moment(device['held_since'])} (`max_deletes`): `popbridge device confirm {name}` has them done,"
                f" `popbridge device undo {name}` takes them back, and {moment(device['held_until'])} lets them lapse"
            )
        if (holds := device.get("holds_back")) and holds["messages"]:
            what = f"{count(holds['messages'], 'message')} since {moment(holds['since'])}"
            yield (
                f"device {name}: it holds back what {_names(holds['devices'])} deleted, {what}, until it deletes that"
                f" too (`delete_when`): `popbridge device forget {name}` takes away its say"
            )
        if device.get("returning"):
            messages = count(device["returning"], "message is", "messages are")
            yield f"device {name}: {messages} still to be moved back upstream"


def _never_shown(name: str, device: Facts) -> Iterator[str]:
    """Before its first session a device was shown nothing, and that is no news."""
    sources = device.get("never_shown", ()) if device["last_session"] else ()
    if unlisted := [one["source"] for one in sources if not one["listed"]]:
        yield f"device {name}: it was never shown {_names(unlisted)}, which is not listed yet"
    if listed := [one["source"] for one in sources if one["listed"]]:
        yield (
            f"device {name}: it was not shown {_names(listed)} yet: its next login does, unless its `search` is still"
            " not answered"
        )


def _forgettable(found: Facts) -> Iterator[str]:
    remembered = found.get("remembered", {"accounts": [], "devices": []})
    for account in remembered["accounts"]:
        name = printable(account["name"])
        messages = count(account["messages"], "message of it is", "messages of it are")
        yield (
            f"account {name}: it is not in the configuration any more, and {messages} remembered:"
            f" `popbridge account forget {name}`"
        )
    for device in remembered["devices"]:
        name = printable(device["name"])
        number = device["pending_intents"] + device["held"] + device["voting"]
        wait = count(number, "deletion of it waits", "deletions of it wait")
        yield (
            f"device {name}: it is not in the configuration any more, and {wait} to be done: `popbridge device forget"
            f" {name}` drops those that somebody has yet to agree to"
        )
