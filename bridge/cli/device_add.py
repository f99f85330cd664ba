"""`popbridge device add`: a device, put into the configuration, with a password of its own."""

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple, cast, get_args

import click

from bridge.cli.adding import Facts, asked, asked_for_some, open_file, person, secret_from_stdin, told
from bridge.cli.settings import config_option
from bridge.config.editing import ConfigFile
from bridge.config.generating import ALPHABETS, DEFAULT, generate
from bridge.config.problems import printable
from bridge.model.failures import WrongRequest
from bridge.model.logins import IN_CLEAR, SCRAM, allows, offered
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, ListenerSettings, Settings, Way

ENCRYPTION = {"none": "none", "starttls": "STARTTLS", "implicit": "TLS from the start (SSL)"}


class Kept(NamedTuple):
    """A device's password, whether it was made up here, and what of it goes into the file."""

    password: Secret
    generated: bool
    password_hash: str | list[str]


@click.command("add", short_help="Add a device to the configuration.")
@config_option
@click.argument("name", metavar="NAME")
@click.option("--login", metavar="LOGIN", help="The name it logs in with.  [default: NAME]")
@click.option(
    "--source", "sources", metavar="ACCOUNT[/MAILBOX]", multiple=True, help="What it reads; may be given again."
)
@click.option("--network", "networks", metavar="NETWORK", multiple=True, help="Where it may log in from; likewise.")
@click.option("--auth", "ways", metavar="WAY", multiple=True, help="How it may log in; likewise: docs/devices.md.")
@click.option("--password-stdin", is_flag=True, help="Read its password from stdin, else one is made up.")
@click.option(
    "--alphabet", metavar="NAME", type=click.Choice(list(ALPHABETS)), help=f"As for `password`.  [default: {DEFAULT}]"
)
@click.option("--length", metavar="N", type=click.IntRange(1, 248), help="As for `password`.")
@click.option("--on-delete", metavar="WHAT", help="What its deletions do: docs/configuration.md.")
@click.option("--start", metavar="SPAN", help="What it sees at first: all, now, 30d, 200.")
@click.option("--window", metavar="SPAN", help="What it sees at every login: all, 30d, 200.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add(
    name: str,
    login: str | None,
    sources: tuple[str, ...],
    networks: tuple[str, ...],
    ways: tuple[str, ...],
    password_stdin: bool,
    alphabet: str | None,
    length: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Add a device to the configuration file.

    On a terminal it asks for what was not given. The device gets a password that is made up, shown once, and kept as
    what its ways to log in need. What to type into it is told at the end. The file's comments, order, owner and mode
    stay; if it would be wrong, or was changed meanwhile, nothing is written.
    """
    file = open_file("device", name)
    login = asked(login, "Login", name, "--login")
    read = asked_for_some(sources, "Reads (ACCOUNT or ACCOUNT/MAILBOX)", _proposed(file.settings), "--source")
    where = list(networks) or _networks()
    auth = _ways(ways, file.settings.listeners)
    kept = _password(file, login, auth, password_stdin, alphabet, length)
    keys: dict[str, Any] = {"login": login} if login != name else {}
    keys |= {"password_hash": kept.password_hash, "sources": read}
    keys |= {"networks": where} if where else {}
    keys |= {"auth": auth} if auth != ["plain"] else {}
    keys |= {key: value for key, value in given.items() if value is not None}
    settings = file.add("device", name, keys, {})
    device = next(each for each in settings.devices.values() if each.name == name)
    found = {
        "device": name,
        "file": str(file.path.absolute()),
        "login": login,
        "password": kept.password.reveal() if kept.generated else None,
        "sources": read,
        "networks": where,
        "auth": auth,
        "servers": [_server(each) for each in settings.listeners if _reaches(each, device)],
    }
    told(found, as_json, _lines)


def _proposed(settings: Settings) -> list[str]:
    """Propose all accounts to a person; where nobody is there, the only one."""
    names = [account.name for account in settings.accounts.values()]
    if not names:
        raise WrongRequest("there is no account that a device could read: `popbridge account add NAME` adds one")
    return names if person() or len(names) == 1 else []


def _networks() -> list[str]:
    if not person():
        return []
    answer: str = click.prompt("Networks it may log in from (empty: anywhere)", default="", err=True, type=str)
    return answer.replace(",", " ").split()


def _ways(given: Sequence[str], listeners: Iterable[ListenerSettings]) -> list[Way]:
    """Give how it may log in: as asked, else by a password, else by all that listeners offer."""
    known = get_args(Way)
    for way in given:
        if way not in known:
            raise click.UsageError(f"there is no way to log in called {way!r}: {', '.join(known)}")
    if given:
        return [cast("Way", way) for way in dict.fromkeys(given)]
    there_is = [way for way in known if any(way in offered(listener) for listener in listeners)]
    return ["plain"] if not there_is or not IN_CLEAR.isdisjoint(there_is) else there_is


def _password(
    file: ConfigFile, login: str, auth: Sequence[Way], stdin: bool, alphabet: str | None, length: int | None
) -> Kept:
    if stdin and (alphabet or length):
        raise click.UsageError("--alphabet and --length are for a password that is made up")
    if stdin:
        password = secret_from_stdin()
        _not_the_accounts(file, password)
    else:
        chosen = asked(alphabet, f"Characters of its password ({', '.join(ALPHABETS)})", DEFAULT, "--alphabet")
        if chosen not in ALPHABETS:
            raise click.UsageError(f"there is no alphabet {chosen!r}: {', '.join(ALPHABETS)}")
        try:
            made = generate(chosen, length)
        except ValueError as refused:
            raise WrongRequest(str(refused)) from None
        password = made.password
        if made.warning:
            click.echo(f"{made.bits} bits: {made.warning}", err=True)
    return Kept(password, not stdin, _hash(file, password, login, auth))


def _not_the_accounts(file: ConfigFile, password: Secret) -> None:
    """Whoever has a device has its password. Raises `WrongRequest`."""
    for account in file.known().accounts.values():
        if account.password == password:
            raise WrongRequest(
                f"that is the password of account {account.name}, which whoever has the device would have then: "
                "give the device one of its own, or let one be made up"
            )


def _hash(file: ConfigFile, password: Secret, login: str, auth: Sequence[Way]) -> str | list[str]:
    """Give as little of the password as will do."""
    from bridge.config import hash_password, load_keys
    from bridge.config.verifiers import make_verifier, seal_password

    if any(way not in IN_CLEAR and way not in SCRAM for way in auth):
        return seal_password(password, login, load_keys(file.path, environ=os.environ))
    try:
        verifiers = [make_verifier(SCRAM[way], password) for way in auth if way in SCRAM]
    except ValueError as refused:
        raise WrongRequest(str(refused)) from None
    hashes = [hash_password(password)] if not IN_CLEAR.isdisjoint(auth) or not verifiers else []
    kept = [*hashes, *verifiers]
    return kept[0] if len(kept) == 1 else kept


def _reaches(listener: ListenerSettings, device: DeviceSettings) -> bool:
    """Tell whether the device can log in there."""
    return any(allows(device, way) for way in offered(listener))


def _server(listener: ListenerSettings) -> dict[str, Any]:
    if listener.systemd:
        host, port = platform.node(), {"none": 110, "starttls": 110, "implicit": 995}[listener.tls]
    else:
        host, port = platform.node() if _anywhere(listener.host) else listener.host, listener.port
    return {
        "host": host,
        "port": port,
        "tls": listener.tls,
        "socket": listener.systemd or None,
        "tls_profile": listener.tls_profile,
        "proxied": bool(listener.proxy_protocol),
    }


def _anywhere(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _lines(found: Facts) -> Iterator[str]:
    yield f"device {printable(found['device'])}: added to {printable(found['file'])}"
    yield "what to type into it:"
    for server in found["servers"]:
        socket = f" (or as the socket {server['socket']} has it)" if server["socket"] else ""
        host, encryption = printable(server["host"]), ENCRYPTION[server["tls"]]
        if server["tls"] != "none" and server["tls_profile"] == "legacy":
            encryption += ", for a device that knows old TLS alone"
        proxy = "the proxy in front of " if server["proxied"] else ""
        yield f"  POP3 server {proxy}{host}, port {server['port']}{socket}, encryption: {encryption}"
    yield f"  user name   {printable(found['login'])}"
    if found["password"]:
        yield f"  password    {found['password']}   (shown once: it is kept nowhere in this form)"
