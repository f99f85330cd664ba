"""`[[listener]]`: where devices connect."""

from typing import Annotated, Literal

from bridge.config import values
from bridge.config.kinds import AuthList, Network, one_of
from bridge.config.problems import KeyPath
from bridge.config.reading import Reading
from bridge.config.tables import Reads, Table, entry
from bridge.config.values import Address
from bridge.model.settings import ListenerSettings, PlaintextLogin, TlsMode, TlsProfile

Files = Annotated[tuple[str, ...], Reads(values.texts, "path, or list of paths")]


class Listener(Table):
    """A place where devices connect. There is one table for each, and at least one."""

    address: Annotated[Address | None, Reads(values.address, "address")] = entry(
        None,
        '`"0.0.0.0:110"`, `"[::]:995"`, or `"systemd:NAME"` for a socket that systemd passes; port 0 takes any',
        example="0.0.0.0:110",
        shown="must be given",
    )
    tls: Annotated[TlsMode | Literal[""], one_of("none", "starttls", "implicit")] = entry(
        "",
        "no TLS, TLS when the device asks (STLS), or TLS from the start (port 995)",
        sample="starttls",
        shown='`"starttls"` with a certificate, else `"none"`',
    )
    certificate: Files = entry(
        (),
        "the certificate chain, PEM; a list for RSA and EC, paired with `key` by position",
        sample="tls.crt",
        shown="none",
    )
    key: Files = entry((), "the private key, PEM", sample="tls.key", shown="none")
    tls_profile: Annotated[TlsProfile, one_of("modern", "legacy")] = entry(
        "modern",
        "TLS 1.2 and later with today's ciphers; or, for devices that know nothing else, TLS 1.0 and later with old "
        "ones as well",
    )
    plaintext_login: Annotated[PlaintextLogin, one_of("never", "private", "always")] = entry(
        "private",
        "who may log in without TLS: nobody, devices with private addresses (loopback, RFC 1918, RFC 4193), anybody",
    )
    auth: AuthList = entry(
        ["plain"],
        "how devices may log in: `plain` is USER and PASS, and AUTH PLAIN; with the last four the password does not "
        "cross the wire, so that they are offered without TLS too",
        sample=["plain", "scram-sha-256"],
    )
    proxy_protocol: list[Network] = entry(
        [],
        "proxies that must say in a PROXY header, version 1 or 2, whose connections they hand on; all others must not. "
        "Who is named here is believed",
        sample=["10.0.0.2/32"],
    )


def listener_settings(listeners: list[Listener], reading: Reading) -> tuple[ListenerSettings, ...]:
    """Give what the `[[listener]]` tables mean, noting missing certificates and addresses that clash."""
    if not listeners and not reading.problems.spoiled(("listener",)):
        reading.problems.add(("listener",), "there is none: write a [[listener]] table, or no device can connect")
    taken: dict[Address, int] = {}
    found = []
    for position, listener in enumerate(listeners, 1):
        path = ("listener", position)
        _check_address(listener, path, taken, reading)
        found.append(_settings(listener, path, reading))
    return tuple(found)


def _check_address(listener: Listener, path: KeyPath, taken: dict[Address, int], reading: Reading) -> None:
    where = (*path, "address")
    if listener.address is None:
        if not reading.problems.spoiled(where):
            reading.problems.add(where, "is missing")
    elif listener.address.port:  # systemd may pass several sockets of one name, and port 0 is a new one each time
        first = taken.setdefault(listener.address, int(path[1]))
        if first != path[1]:
            reading.problems.add(where, f"is the address of listener.{first} too")


def _settings(listener: Listener, path: KeyPath, reading: Reading) -> ListenerSettings:
    certificates = _pairs(listener, path, reading)
    tls: TlsMode = listener.tls or ("starttls" if listener.certificate else "none")
    spoiled = any(reading.problems.spoiled((*path, name)) for name in ("tls", "certificate", "key"))
    if tls != "none" and not listener.certificate and not listener.key and not spoiled:
        reading.problems.add((*path, "tls"), f'"{tls}" needs a certificate and a key')
    address = listener.address or Address("", 0)
    return ListenerSettings(
        host=address.host,
        port=address.port,
        systemd=address.systemd,
        tls=tls,
        certificates=certificates,
        tls_profile=listener.tls_profile,
        plaintext_login=listener.plaintext_login,
        auth=tuple(dict.fromkeys(listener.auth)),
        proxy_protocol=tuple(listener.proxy_protocol),
    )


def _pairs(listener: Listener, path: KeyPath, reading: Reading) -> tuple[tuple[str, str], ...]:
    certificates, keys = (
        [reading.readable(name, (*path, kind)) for name in names]
        for kind, names in (("certificate", listener.certificate), ("key", listener.key))
    )
    if len(certificates) != len(keys) and not any(
        reading.problems.spoiled((*path, kind)) for kind in ("certificate", "key")
    ):
        told = "key" if keys else "certificate"
        reading.problems.add((*path, told), _unpaired(len(certificates), len(keys)))
    return tuple(zip(certificates, keys, strict=False))


def _unpaired(certificates: int, keys: int) -> str:
    if not keys:
        return "needs a key beside it"
    if not certificates:
        return "needs a certificate beside it"
    return f"must be as many as the certificates: {keys} here, {certificates} there"
