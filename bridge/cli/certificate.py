"""`popbridge certificate`: an authority of one's own, and certificates that old devices take."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.cli.settings import config_option, config_path
from bridge.config.problems import printable
from bridge.config.tables import as_toml
from bridge.model.failures import BridgeError, WrongRequest

if TYPE_CHECKING:
    from bridge.net.authority import Authority, Names

LEAF_DAYS = 825


class NotOverwritten(BridgeError):
    """A file is there that this command did not make, or was not told to replace."""


@dataclass(frozen=True, slots=True)
class Place:
    """The directory and the names of all files in it."""

    directory: Path

    @property
    def authority(self) -> Path:
        return self.directory / "popbridge-ca.crt"

    @property
    def authority_der(self) -> Path:
        return self.directory / "popbridge-ca.cer"

    @property
    def authority_key(self) -> Path:
        return self.directory / "popbridge-ca.key"

    def pair(self, *, elliptic: bool) -> tuple[Path, Path]:
        name = "tls-ec" if elliptic else "tls"
        return self.directory / f"{name}.crt", self.directory / f"{name}.key"


@click.command("certificate", short_help="Make certificates that old devices take, and an authority for them.")
@config_option
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Where the files are. Default: the config's directory."
)
@click.option("--ec", "elliptic", is_flag=True, help="Make one with an EC key besides the RSA one.")
@click.option("--renew", is_flag=True, help="Put new ones in place of those that are there; the authority stays.")
@click.option(
    "--days", type=click.IntRange(1, 36_500), default=LEAF_DAYS, show_default=True, help="How long they are to hold."
)
@click.option("--any-name", is_flag=True, help="Let a new authority vouch for any name, on the Internet too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    names: tuple[str, ...],
    directory: Path | None,
    elliptic: bool,
    renew: bool,
    days: int,
    any_name: bool,
    as_json: bool,
) -> None:
    """Make a certificate for the NAMEs (host names and addresses) that devices find popbridge by.

    It is signed by a small authority of your own, popbridge-ca, which is made where there is none: import it once on
    each device. Without a NAME, tell what there is and when it ends. With --renew the names stay, unless others are
    given. No file is written over, but for --renew.
    """
    from bridge.cli import tables

    place = Place((directory or config_path().parent).absolute())
    made: set[Path] = set()
    if names or renew:
        made = _make(place, names, elliptic=elliptic, renew=renew, days=days, any_name=any_name)
    found = _facts(place, made)
    if as_json:
        tables.show_json(found)
    else:
        tables.show(_lines(place, found))


def _make(place: Place, texts: Sequence[str], *, elliptic: bool, renew: bool, days: int, any_name: bool) -> set[Path]:
    """Make what is asked for, and give the certificates that are new."""
    from bridge.net.authority import read_names

    if not place.directory.is_dir():
        raise WrongRequest(f"there is no directory {place.directory}: make it, or name another with --directory")
    kinds = [False, True] if elliptic else [False]
    if renew:
        kinds = [kind for kind in (False, True) if place.pair(elliptic=kind)[0].exists() or (kind and elliptic)]
    if not kinds or not (texts or place.pair(elliptic=False)[0].exists()):
        raise WrongRequest(
            f"there is no certificate in {place.directory} to renew: name what it is for, without --renew"
        )
    names = read_names(texts or _names_before(place))
    made = set()
    authority = _authority(place, names, any_name=any_name)
    if authority is None:
        authority = _new_authority(place, names, any_name=any_name)
        made.add(place.authority)
    for kind in kinds:
        _check_place(place.pair(elliptic=kind), authority, renew=renew)
    for kind in kinds:
        _issue(place, authority, names, days, elliptic=kind, renew=renew)
        made.add(place.pair(elliptic=kind)[0])
    return made


def _names_before(place: Place) -> tuple[str, ...]:
    from bridge.net.certificates import read_certificate

    return read_certificate(str(place.pair(elliptic=False)[0])).names


def _authority(place: Place, names: "Names", *, any_name: bool) -> "Authority | None":
    """Give the authority that is there, or None. Raises where it cannot do what is asked."""
    from bridge.net.authority import Authority

    if not place.authority.exists() and not place.authority_key.exists():
        return None
    for file in (place.authority, place.authority_key):
        if not file.exists():
            raise NotOverwritten(
                f"{file} is missing beside the rest of the authority: put it back, or move the rest away for a new one,"
                " which each device has to import"
            )
    authority = Authority.read(place.authority.read_bytes(), place.authority_key.read_bytes())
    if authority.ends <= time.time():
        raise NotOverwritten(f"the authority {place.authority} has ended: move its files away for a new one")
    if any_name and authority.bound:
        raise NotOverwritten(f"{place.authority} is there already, and bound to names: --any-name is for a new one")
    if lacking := authority.lacking(names):
        raise WrongRequest(
            f"the authority {place.authority} may not vouch for {', '.join(lacking)}: it was made for other names. Make"
            " another in a --directory of its own, which devices then have to import"
        )
    return authority


def _new_authority(place: Place, names: "Names", *, any_name: bool) -> "Authority":
    from bridge.cli.certificate_files import KEY, PUBLIC, write_new
    from bridge.net.authority import Authority

    for pair in (place.pair(elliptic=False), place.pair(elliptic=True)):
        _refuse_strangers(pair)
    authority = Authority.make(names, time.time(), any_name=any_name)
    write_new(place.authority_key, authority.key_pem(), KEY, given=False)
    write_new(place.authority, authority.certificate_pem(), PUBLIC)
    write_new(place.authority_der, authority.certificate_der(), PUBLIC)
    return authority


def _refuse_strangers(pair: tuple[Path, Path]) -> None:
    for file in pair:
        if file.exists():
            raise NotOverwritten(
                f"{file} is there, and no authority that made it: name another place with --directory, or move it away"
            )


def _check_place(pair: tuple[Path, Path], authority: "Authority", *, renew: bool) -> None:
    for file in pair:
        if file.exists() and not renew:
            raise NotOverwritten(f"{file} is there already, and stays as it is: --renew puts a new one in its place")
    if pair[0].exists() and not authority.made(pair[0].read_bytes()):
        raise NotOverwritten(f"{pair[0]} was made by somebody else than the authority beside it: it stays as it is")


def _issue(place: Place, authority: "Authority", names: "Names", days: int, *, elliptic: bool, renew: bool) -> None:
    from bridge.cli.certificate_files import PUBLIC, key_mode, write_new, write_over

    certificate, key = authority.issue(names, time.time(), days, elliptic=elliptic)
    at_certificate, at_key = place.pair(elliptic=elliptic)
    for path, octets, mode in ((at_key, key, key_mode(place.directory)), (at_certificate, certificate, PUBLIC)):
        if renew:
            write_over(path, octets, mode)
        else:
            write_new(path, octets, mode)


def _facts(place: Place, made: set[Path]) -> dict[str, Any]:
    from bridge.net.authority import fingerprint
    from bridge.net.certificates import read_certificate

    authority: dict[str, Any] | None = None
    if place.authority.exists():
        pem = place.authority.read_bytes()
        authority = {
            "file": str(place.authority),
            "der": str(place.authority_der),
            "made": place.authority in made,
            "ends": read_certificate(str(place.authority)).ends,
            "sha256": fingerprint(pem, "sha256"),
            "sha1": fingerprint(pem, "sha1"),
        }
    certificates = []
    for elliptic in (False, True):
        certificate, key = place.pair(elliptic=elliptic)
        if certificate.exists():
            shown = read_certificate(str(certificate))
            certificates.append(
                {
                    "certificate": str(certificate),
                    "key": str(key),
                    "kind": shown.kind,
                    "names": list(shown.names),
                    "ends": shown.ends,
                    "made": certificate in made,
                    "problem": shown.problem(time.time()),
                }
            )
    return {"version": 1, "authority": authority, "certificates": certificates, "config": _config(place, certificates)}


def _config(place: Place, certificates: Sequence[Mapping[str, Any]]) -> str:
    """Write the lines for the configuration; files beside it go by their names."""
    if not certificates:
        return ""
    beside = place.directory == config_path().parent.absolute()
    values = []
    for what in ("certificate", "key"):
        files = [Path(one[what]).name if beside else one[what] for one in certificates]
        values.append(f"{what} = {as_toml(files if len(files) > 1 else files[0])}")
    return "\n".join(values) + "\n"


def _lines(place: Place, found: Mapping[str, Any]) -> Iterator[str]:
    from bridge.cli.tables import moment

    authority = found["authority"]
    if authority is None and not found["certificates"]:
        yield f"there are no certificates in {printable(str(place.directory))} yet: name hosts and addresses for one"
        return
    if authority is not None:
        yield f"authority {printable(authority['file'])}{_new(authority)}, until {moment(authority['ends'])}"
        yield f"  the same for devices that want DER: {printable(authority['der'])}"
        yield f"  SHA-256 {authority['sha256']}"
        yield f"  SHA-1   {authority['sha1']}"
    for one in found["certificates"]:
        what = f"{one['kind']}, for {printable(', '.join(one['names']))}, until {moment(one['ends'])}"
        yield f"certificate {printable(one['certificate'])}{_new(one)}: {what}"
        if one["problem"]:
            yield f"  ! {printable(one['problem'])}"
    yield from _next_steps(found)


def _new(one: Mapping[str, Any]) -> str:
    return " (new)" if one["made"] else ""


def _next_steps(found: Mapping[str, Any]) -> Iterator[str]:
    authority = found["authority"]
    if authority is not None and authority["made"]:
        yield "import the authority on each device, and compare its fingerprint there; its key stays on this machine"
    if any(one["made"] for one in found["certificates"]):
        yield "what is new is shown after `systemctl reload popbridge`"
    if found["config"]:
        yield "for a [[listener]] of the configuration:"
        yield ""
        yield from found["config"].splitlines()
