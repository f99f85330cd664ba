"""URLs of authorization servers: what they must be, wherever they come from."""

import re
from ipaddress import ip_address

LONGEST = 2048
"""Characters: no endpoint is meant to be longer."""

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?][!-~]*)?"
)


def url_problem(url: str) -> str:
    """Say what is wrong with the URL of an endpoint, or nothing.

    It must be `https` (RFC 6749 §3.1 and §3.2), but to this machine `http` will do; it names no user and has no
    fragment (RFC 6749 §3.1).
    """
    found = _URL.fullmatch(url)
    if found is None or len(url) > LONGEST or "#" in url or int(found["port"] or 0) > 65535:
        return "must be a URL such as https://login.example.org/oauth2/token"
    if found["scheme"].lower() == "https":
        return ""
    if found["scheme"].lower() != "http":
        return "must begin with https://"
    if not loopback(found["host"].strip("[]")):
        return "would send secrets readable over the network: http:// is only for this machine"
    return ""


def url_host(url: str) -> str:
    """Give the host that a URL names, without its port; empty where it is none."""
    found = _URL.fullmatch(url)
    return found["host"].strip("[]") if found else ""


def loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or address alone."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
