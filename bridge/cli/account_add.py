"""`popbridge account add`: an account, put into the configuration."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from bridge.cli.adding import Facts, asked, asked_for_secret, open_file, person, secret_from_stdin, told
from bridge.cli.settings import config_option
from bridge.config.problems import printable
from bridge.model.domains import provider_of
from bridge.model.presets import PRESETS, Preset
from bridge.model.secret import Secret


class SignsIn(NamedTuple):
    """The keys by which an account signs in, and the secrets to keep in files."""

    keys: dict[str, Any]
    files: dict[str, Secret]


@click.command("add", short_help="Add an account to the configuration.")
@config_option
@click.argument("name", metavar="NAME")
@click.option("--address", metavar="ADDRESS", help="The mail address; provider and user are proposed by it.")
@click.option("--provider", metavar="PROVIDER", type=click.Choice(list(PRESETS)), help="A preset: docs/providers.md.")
@click.option("--host", metavar="HOST", help="The IMAP server, where there is no provider.")
@click.option("--port", metavar="PORT", type=click.IntRange(1, 65535), help="Its port, if it is another.")
@click.option(
    "--tls", metavar="MODE", type=click.Choice(["implicit", "starttls", "none"]), help="implicit, starttls or none."
)
@click.option("--user", metavar="USER", help="The user name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin, into NAME.secret.")
@click.option("--password-file", metavar="FILE", help="A file that has the password.")
@click.option("--password-env", metavar="NAME", help="An environment variable that has it.")
@click.option("--password-credential", metavar="NAME", help="A systemd credential that has it.")
@click.option("--client-id", metavar="ID", help="Sign in by OAuth, as this client.")
@click.option("--client-secret-file", metavar="FILE", help="A file that has the client's secret.")
@click.option("--flow", metavar="FLOW", help="How a token is had: docs/signing-in.md.")
@click.option("--tenant", metavar="TENANT", help="Microsoft's tenant.")
@click.option("--mailbox", "mailboxes", metavar="MAILBOX", multiple=True, help="A mailbox; may be given again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add(name: str, mailboxes: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Add an account to the configuration file.

    On a terminal it asks for what was not given. A password that is typed, or comes on stdin, goes into a file of its
    own beside the configuration. The file's comments, order, owner and mode stay; if it would be wrong, or was changed
    meanwhile, nothing is written.
    """
    file = open_file("account", name)
    if given["address"] is None and person() and given["provider"] is None and given["host"] is None:
        given["address"] = asked(None, "Mail address", "", "--address")
    server, preset = _server(given)
    user = _user(preset, given)
    signs_in = _signs_in(name, preset, given)
    keys = {**server, "user": user, **signs_in.keys}
    if mailboxes:
        keys["mailboxes"] = list(mailboxes)
    file.add("account", name, keys, signs_in.files)
    directory = file.path.absolute().parent
    found = {
        "account": name,
        "file": str(file.path.absolute()),
        "secret_files": [str(directory / each) for each in signs_in.files],
        "provider": server.get("provider"),
        "user": user,
        "oauth": "oauth" in keys,
    }
    told(found, as_json, _lines)


def _server(given: dict[str, Any]) -> tuple[dict[str, Any], Preset | None]:
    """Give the keys that say where the server is, and what is known of it."""
    address = given["address"] or ""
    provider, host = given["provider"], given["host"]
    if provider is None and host is None and (proposed := provider_of(address)):
        provider = asked(None, "Provider", proposed, "--provider")
        if provider not in PRESETS:
            raise click.UsageError(f"there is no provider {provider!r}: {', '.join(PRESETS)}")
    preset = PRESETS[provider] if provider else None
    keys = {"provider": provider} if provider else {}
    if host is None and (preset is None or not preset.host):
        domain = address.rpartition("@")[2]
        host = asked(None, "IMAP server", f"imap.{domain}" if domain and person() else "", "--host or --provider")
    options = {"host": host, "port": given["port"], "tls": given["tls"]}
    return {**keys, **{key: value for key, value in options.items() if value is not None}}, preset


def _user(preset: Preset | None, given: dict[str, Any]) -> str:
    address = given["address"] or ""
    proposal = address.partition("@")[0] if preset and preset.user == "local part" else address
    return asked(given["user"], "User name", proposal, "--user or --address")


def _signs_in(name: str, preset: Preset | None, given: dict[str, Any]) -> SignsIn:
    ways = [key for key in ("password_file", "password_env", "password_credential") if given[key] is not None]
    tokens = given["client_id"] is not None
    if len(ways) + given["password_stdin"] + tokens > 1:
        raise click.UsageError("give one way to sign in: a password, or --client-id")
    if ways:
        return SignsIn({ways[0]: given[ways[0]]}, {})
    if given["password_stdin"]:
        return _kept(name, secret_from_stdin())
    if tokens or (preset is not None and not preset.takes_passwords):
        return SignsIn({"oauth": _oauth(given)}, {})
    if not person():
        raise click.UsageError("nobody is there to be asked: give --password-stdin, --password-file or --client-id")
    if preset is not None and preset.wants:
        click.echo(f"{preset.title}: {preset.wants}", err=True)
    return _kept(name, asked_for_secret("Password"))


def _kept(name: str, password: Secret) -> SignsIn:
    return SignsIn({"password_file": f"{name}.secret"}, {f"{name}.secret": password})


def _oauth(given: dict[str, Any]) -> dict[str, str]:
    client = asked(given["client_id"], "Client id (docs/signing-in.md)", "", "--client-id")
    options = {key: given[key] for key in ("client_secret_file", "flow", "tenant") if given[key] is not None}
    return {"client_id": client, **options}


def _lines(found: Facts) -> Iterator[str]:
    name = printable(found["account"])
    yield f"account {name}: added to {printable(found['file'])}"
    for path in found["secret_files"]:
        yield f"  its password is in {printable(path)}"
    if found["oauth"]:
        yield f"  next: `popbridge login {name}` signs in there, once popbridge has taken it"
    else:
        yield "  next: `popbridge check --connect` signs in to it and tells what it finds"
