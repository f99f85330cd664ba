"""Signing in by a code that is typed into a browser elsewhere (RFC 8628)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import trio

from bridge.model.failures import SignInNeeded, UpstreamUnavailable
from bridge.model.secret import Secret
from bridge.model.urls import url_problem
from bridge.oauth.answers import Granted, NoMeaning, Refused, fields_of
from bridge.oauth.http import Answer
from bridge.oauth.server import AuthorizationServer

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
"""RFC 8628 §3.4."""

INTERVAL = 5.0
"""Seconds between two questions where the server does not say, and what `slow_down` adds (RFC 8628 §3.2, §3.5)."""

LONGEST_INTERVAL = 60.0
"""A server that wants to be asked less often is asked once a minute all the same, since somebody is waiting."""

LONGEST = 3600.0
"""Seconds that anybody is waited for, however long the code may be used."""

_CODE = re.compile(r"[!-~]{1,4096}")


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What somebody has to do: open `uri`, or `complete`, which has the code in it, and type `user_code` there.

    `seconds` is how long that may take. `device_code` is what tokens are asked for with.
    """

    user_code: str
    uri: str
    complete: str
    seconds: float
    interval: float
    device_code: Secret


def device_code_of(answer: Answer) -> DeviceCode:
    """Read what a server gave (RFC 8628 §3.2). Raises `NoMeaning`."""
    found = fields_of(answer)
    # Google's first version, and servers made like it, say `verification_url`.
    uri = found.get("verification_uri", found.get("verification_url"))
    code, user_code = found.get("device_code"), found.get("user_code")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise NoMeaning("gives an answer without a device_code")
    if not isinstance(user_code, str) or not 1 <= len(user_code.strip()) <= 64 or not user_code.isprintable():
        raise NoMeaning("gives an answer without a user_code")
    if not isinstance(uri, str) or url_problem(uri):
        raise NoMeaning("gives an answer without a verification_uri that is one")
    complete = found.get("verification_uri_complete")
    return DeviceCode(
        user_code=user_code.strip(),
        uri=uri,
        complete=complete if isinstance(complete, str) and not url_problem(complete) else "",
        seconds=min(_number(found, "expires_in") or LONGEST, LONGEST),
        interval=min(_number(found, "interval") or INTERVAL, LONGEST_INTERVAL),
        device_code=Secret(code),
    )


def _number(found: Mapping[str, Any], name: str) -> float:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return 0.0
    return float(value)


async def begin(server: AuthorizationServer) -> DeviceCode:
    """Have a code made. Raises as `AuthorizationServer` does."""
    answer = await server.authorize_device()
    try:
        return device_code_of(answer)
    except NoMeaning as wrong:
        raise server.broken(str(wrong)) from None


async def wait(server: AuthorizationServer, code: DeviceCode) -> Granted:
    """Ask again and again until somebody has used the code, at most as long as it lives.

    A server that wants to be asked less often is, and one that cannot be reached is asked half as often each time
    (RFC 8628 §3.5). Raises `SignInNeeded`, of it `Refused` where somebody said no, or `UpstreamBroken`.
    """
    interval = code.interval
    trouble: UpstreamUnavailable | None = None
    with trio.move_on_after(code.seconds):
        while True:
            await trio.sleep(interval)
            try:
                return await _ask(server, code)
            except Refused as failure:
                if failure.error not in {"authorization_pending", "slow_down"}:
                    raise
                trouble = None
                interval += INTERVAL if failure.error == "slow_down" else 0.0
            except UpstreamUnavailable as failure:
                trouble = failure
                interval = max(interval * 2, failure.pause)
            interval = min(interval, LONGEST_INTERVAL)
    if trouble is not None:
        raise trouble
    sentence = f"account {server.account}: nobody used the code in time: run `popbridge login {server.account}` again"
    raise SignInNeeded(server.account, sentence)


async def _ask(server: AuthorizationServer, code: DeviceCode) -> Granted:
    fields = {"grant_type": DEVICE_CODE, "device_code": code.device_code.reveal()}
    return await server.grant(fields, code.device_code)
