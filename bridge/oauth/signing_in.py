"""Signing somebody in, whichever way the configuration says."""

import secrets
import time
from collections.abc import Callable
from typing import Literal, Protocol, assert_never
from urllib.parse import urlsplit

import trio

from bridge.model.failures import SignInNeeded
from bridge.model.oauth import OAuthSettings
from bridge.oauth import device
from bridge.oauth.answers import Granted, Refused, quoted
from bridge.oauth.browser import Asking, Back, NotOurs, fixed_port, redirect_base
from bridge.oauth.loopback import loopback
from bridge.oauth.server import AuthorizationServer

PATIENCE = 600.0
"""Seconds that somebody has for signing in with a browser: with a second factor that is minutes. Our own."""

TRIES = 3
"""How often something that is no answer may be pasted."""

Return = Literal["loopback", "paste"]
"""How a browser's answer comes: to a port of this machine, or pasted by hand."""


class Person(Protocol):
    """Whoever signs in, as far as they are told something or asked."""

    def use_code(self, code: device.DeviceCode) -> None:
        """Tell which page to open, and the code for it."""
        ...

    def open_address(self, address: str, way: Return) -> None:
        """Tell which page to open."""
        ...

    def not_taken(self, why: str) -> None:
        """Tell that what was pasted is no answer."""
        ...

    async def paste(self) -> str:
        """Give a line that was pasted, empty at the end of the input. Waits."""
        ...


async def sign_in(
    account: str,
    settings: OAuthSettings,
    timeout: float,
    person: Person,
    way: Return,
    now: Callable[[], float] = time.time,
) -> Granted:
    """Have tokens for an account. Flows without a person ask nobody but the server.

    Waits for whoever signs in, as long as a code lives or `PATIENCE`; each request ends within `timeout`. Raises
    `SignInNeeded`, `UpstreamUnavailable`, `UpstreamBroken`, or `NetError` where a port is not to be had.
    """
    server = AuthorizationServer(account, settings, timeout, now)
    match settings.flow:
        case "device":
            code = await device.begin(server)
            person.use_code(code)
            return await device.wait(server, code)
        case "browser":
            return await _with_browser(server, person, way)
        case "client-credentials" | "certificate" | "service-account":
            return await server.by_itself()
        case _:
            assert_never(settings.flow)


async def _with_browser(server: AuthorizationServer, person: Person, way: Return) -> Granted:
    settings = await server.settings()
    if not settings.authorization_endpoint:
        raise SignInNeeded(
            server.account, f"account {server.account}: its authorization server has no page to sign in on"
        )
    with trio.move_on_after(PATIENCE):
        asking, back = await (_back_here if way == "loopback" else _pasted)(server, settings, person)
        if back.error:
            raise _refused(server.account, back)
        return await server.grant(asking.fields(back.code), back.code, asking.verifier)
    sentence = f"account {server.account}: nobody signed in within {PATIENCE / 60:g} minutes"
    raise SignInNeeded(server.account, f"{sentence}: run `popbridge login {server.account}` again")


async def _back_here(server: AuthorizationServer, settings: OAuthSettings, person: Person) -> tuple[Asking, Back]:
    given = settings.redirect_uri or redirect_base(settings)
    port = fixed_port(given)
    if port is None:
        raise SignInNeeded(
            server.account,
            f"account {server.account}: redirect_uri is not on this machine: paste the address with `--paste`",
        )
    parts = urlsplit(given)
    async with loopback(port, parts.path or "/") as here:
        asking = Asking.fresh(f"http://{parts.hostname}:{here.port}{parts.path}")
        person.open_address(asking.address(settings), "loopback")
        return asking, await here.answer(lambda query: asking.came_back(query, settings.issuer))


async def _pasted(server: AuthorizationServer, settings: OAuthSettings, person: Person) -> tuple[Asking, Back]:
    asking = Asking.fresh(_unheard(settings))
    person.open_address(asking.address(settings), "paste")
    for _ in range(TRIES):
        if not (text := await person.paste()).strip():
            break
        try:
            return asking, asking.pasted(text, settings.issuer)
        except NotOurs as wrong:
            person.not_taken(str(wrong))
    raise SignInNeeded(server.account, f"account {server.account}: nothing was pasted that signs anybody in")


def _unheard(settings: OAuthSettings) -> str:
    """Give where the browser is sent back to in vain: a port that nobody is likely to listen on."""
    given = settings.redirect_uri or redirect_base(settings)
    if fixed_port(given) != 0:
        return given
    parts = urlsplit(given)
    return f"http://{parts.hostname}:{49152 + secrets.randbelow(16384)}{parts.path}"


def _refused(account: str, back: Back) -> Refused:
    told = quoted(back.error, back.words, ())
    advice = f"run `popbridge login {account}` again" if back.error == "access_denied" else "check `oauth`"
    return Refused(account, f"account {account}: the authorization server refuses ({told}): {advice}", back.error)
