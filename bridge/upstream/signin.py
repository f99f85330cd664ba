"""From nothing to a connection that is signed in."""

from collections.abc import Awaitable, Callable
from importlib import metadata

import trio

from bridge.imap import commands
from bridge.imap.events import Event, Greeting, ServerId
from bridge.model.failures import (
    SignInNeeded,
    UpstreamBroken,
    UpstreamError,
    UpstreamLoginFailed,
    UpstreamUnavailable,
)
from bridge.model.peer import Peer, private_peer
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.net import DialFailed, NotTrusted, Stream, dial
from bridge.upstream.authenticating import Authenticating, TokenRefused
from bridge.upstream.credentials import TokenSource
from bridge.upstream.failures import not_now, quoted
from bridge.upstream.link import Link
from bridge.upstream.quiet import Quiet
from bridge.upstream.resyncing import QRESYNC
from bridge.upstream.usage import Usage

UTF8 = "UTF8=ACCEPT"
"""Agreed on only where a server says UTF8=ONLY, because it serves nobody else (RFC 6855 §6). Where it is optional, a
server may make headers in UTF-8 readable to all as long as it is not agreed on, and our devices need that.
"""

COMPRESS, NO_COMPRESS = "compress", "no-compress"
"""Quirks: compress also to a private address; never compress."""

Connect = Callable[[AccountSettings, float], Awaitable[Stream]]

SIGN_IN_TIMEOUTS = 2.0
"""How many times `upstream_timeout` all of a sign-in may take, from the name to the last answer. Our own: each step has
that time for itself, and there are more than seven, so that a server that drips would be waited for so often.
"""


async def connect_upstream(settings: AccountSettings, timeout: float) -> Stream:
    """Reach the account's server, with TLS from the first octet where it is implicit. Raises `DialFailed`."""
    implicit = settings.tls == "implicit"
    return await dial(settings.host, settings.port, tls=implicit, ca_file=settings.ca_file, seconds=timeout)


class SignIn:
    """Makes signed-in connections for one account. What the server said last is kept for reports.

    `compression` is DEFLATE where connections are packed, else why they are not. An account with `oauth` signs in with
    what `tokens` gives.
    """

    def __init__(
        self,
        settings: AccountSettings,
        timeout: float,
        connect: Connect = connect_upstream,
        tokens: TokenSource | None = None,
        usage: Usage | None = None,
        quiet: Quiet | None = None,
    ) -> None:
        self.greeting = ""
        self.server = ""
        self.compression = ""
        self._settings = settings
        self._name = settings.name
        self._timeout = timeout
        self._connect = connect
        self._tokens = tokens
        self._way_in = Authenticating(settings)
        self._turn = trio.Lock()
        self._failed: UpstreamError | None = None
        self.quiet = quiet or Quiet(settings.name)
        self.usage = usage or Usage()

    @property
    def mechanism(self) -> str:
        """How it was signed in last, for reports; empty where that was not needed."""
        return self._way_in.mechanism

    @property
    def definite(self) -> bool:
        """Of the last refusal, whether it was clearly about user and password (RFC 5530 §3)."""
        return self._way_in.definite

    async def link(self) -> Link:
        """Connect and sign in, one at a time, within `SIGN_IN_TIMEOUTS`. Raises `UpstreamError`s, or is cancelled, and
        then nothing is left open.

        Who waits for another try meanwhile shares its failure: a server is not asked at once again what it refused.
        `UpstreamLoginFailed` is for what another try will not mend: a password that the server does not take, or two
        tokens, the second of which was new.
        """
        self._check_secrets()
        before = self._failed
        async with self._turn:
            if self._failed is not None and self._failed is not before:
                raise self._failed
            self.quiet.check()
            try:
                return await self._with_token() if self._settings.oauth else await self._in_time(None)
            except UpstreamError as failure:
                self._failed = failure
                raise

    async def _with_token(self) -> Link:
        """A token that is not taken, though it should be good, is had anew once. It is had before anything is
        connected: a server waits only so long for somebody to sign in.
        """
        if self._tokens is None:
            sentence = f"account {self._name}: it signs in by token, which is not to be had here"
            raise SignInNeeded(self._name, sentence)
        token = await self._tokens.token()
        try:
            return await self._in_time(token)
        except TokenRefused:
            another = await self._tokens.token(refused=token)
        return await self._in_time(another)

    def leave_alone(self, failure: UpstreamError) -> None:
        """Keep to the pause that a server asked for, whoever would have it asked meanwhile."""
        self.quiet.asked(failure)

    async def _in_time(self, token: Secret | None) -> Link:
        self._way_in.told = False
        try:
            return await self._before_late(token)
        except UpstreamError as failure:
            failure.password_told = self._way_in.told
            self.leave_alone(failure)
            raise

    async def _before_late(self, token: Secret | None) -> Link:
        seconds = SIGN_IN_TIMEOUTS * self._timeout
        with trio.move_on_after(seconds):
            return await self._sign_in(token)
        sentence = f"account {self._name}: signing in took longer than {seconds:g} s"
        raise UpstreamUnavailable(self._name, sentence)

    async def _sign_in(self, token: Secret | None) -> Link:
        try:
            stream = await self._connect(self._settings, self._timeout)
        except NotTrusted as failure:
            raise UpstreamBroken(self._name, f"account {self._name}: {failure}") from failure
        except DialFailed as failure:
            raise UpstreamUnavailable(self._name, f"account {self._name}: {failure}") from failure
        link = Link(self._name, stream, self._timeout)
        self.usage.connected()
        link.received = self.usage.received
        ready = False
        try:
            await self._enter(link, token)
            ready = True
        finally:
            if not ready:
                await link.close()
        return link

    def _check_secrets(self) -> None:
        words = [self._settings.user, *([] if self._settings.oauth else [self._settings.password.reveal()])]
        if not all(words) or any("\0" in word for word in words):
            sentence = f"account {self._name}: user and password must be there, and cannot hold a NUL"
            raise UpstreamLoginFailed(self._name, sentence)

    async def _enter(self, link: Link, token: Secret | None) -> None:
        greeting = await self._greet(link)
        if self._settings.tls == "starttls":
            await self._start_tls(link, greeting)
        await self._learn(link)
        if greeting.kind != "PREAUTH":
            await self._authenticate(link, token)
            await self._learn(link)
        await self._settle(link)

    async def _greet(self, link: Link) -> Greeting:
        event = await link.step(link.patience())
        if not isinstance(event, Greeting):
            raise self._broken(link, "the server did not greet as IMAP servers do")
        if event.kind == "BYE":
            sentence = f"account {self._name}: the server takes no connections now{quoted(event.text)}"
            raise link.lose(not_now(self._name, sentence, event.code.name if event.code else "", event.text))
        self.greeting = event.text
        return event

    async def _start_tls(self, link: Link, greeting: Greeting) -> None:
        if greeting.kind == "PREAUTH":
            # RFC 9051 §11.1: after PREAUTH there is no STARTTLS; going on in clear is what an attacker wants.
            raise self._broken(link, "the server signs in before TLS can start (PREAUTH); somebody may be in between")
        await self._learn(link)
        if not link.can("STARTTLS"):
            raise self._broken(
                link, 'the server offers no STARTTLS; set tls = "implicit", or see who answers at that port'
            )
        answer = await link.ask(commands.starttls())
        if answer.kind != "OK":
            raise self._broken(link, f"the server would not start TLS{quoted(answer.text)}")
        await link.start_tls(self._settings.host, self._settings.ca_file)

    async def _learn(self, link: Link) -> None:
        """Ask for capabilities where the server did not tell them by itself."""
        if not link.imap.capabilities:
            await link.must("say what it can do", commands.capability())

    async def _authenticate(self, link: Link, token: Secret | None) -> None:
        if token is None:
            await self._way_in.with_password(link)
        else:
            await self._way_in.with_token(link, token)

    async def _settle(self, link: Link) -> None:
        """Say who we are, and agree on how to talk, in one round trip. What is refused is done without."""
        names: list[str] = []
        # Some servers serve nobody who does not say so first (RFC 2971).
        introduced = link.begin(commands.id_("popbridge", _version())) if link.can("ID") else ""
        wanted = _wanted(link)
        enabled = link.begin(commands.enable(wanted)) if wanted else ""
        compressed = link.begin(commands.compress()) if self._compresses(link) else ""
        for tag in filter(None, (introduced, enabled)):
            await link.finish(tag, link.patience(), lambda event: names.extend(_server_name(event)))
        if compressed:
            answer = await link.finish(compressed, link.patience())
            self.compression = "refused" if answer.kind != "OK" else self.compression
        self.server = " ".join(names) or self.server

    def _compresses(self, link: Link) -> bool:
        """Decide whether to pack what is said, for all of the account's connections.

        It never is packed by TLS already: Python's contexts have that off. On a private address the line is mostly
        faster than the server packs.
        """
        if not link.can("COMPRESS=DEFLATE"):
            self.compression = "not offered"
        elif NO_COMPRESS in self._settings.quirks:
            self.compression = f"not wanted ({NO_COMPRESS})"
        elif COMPRESS not in self._settings.quirks and _near(link.stream.address):
            self.compression = "not on a private address"
        elif self.compression != "refused":
            self.compression = "DEFLATE"
        return self.compression == "DEFLATE"

    def _broken(self, link: Link, what: str) -> UpstreamError:
        return link.lose(UpstreamBroken(self._name, f"account {self._name}: {what}"))


def _near(address: Peer) -> bool:
    """True for a private address, and where it is not known."""
    try:
        return private_peer(address)
    except ValueError:
        return True


def _wanted(link: Link) -> list[str]:
    """Give what is to be turned on, which is done before any mailbox is opened (RFC 5161 §3.1)."""
    wanted = [UTF8] if link.can("UTF8=ONLY") else []
    return [*wanted, QRESYNC] if link.can(QRESYNC) and (wanted or link.can("ENABLE")) else wanted


def _server_name(event: Event) -> list[str]:
    if not isinstance(event, ServerId):
        return []
    return [event.fields[key] for key in ("name", "version") if event.fields.get(key)]


def _version() -> str:
    try:
        return metadata.version("popbridge")
    except metadata.PackageNotFoundError:
        return "unknown"
