"""Signing in over a connection that is there: one way after the other, as far as that makes sense."""

import re
from base64 import b64encode

import trio

from bridge.imap import commands
from bridge.imap.events import Continuation, Tagged
from bridge.model.failures import (
    UpstreamBroken,
    UpstreamError,
    UpstreamLoginFailed,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bridge.model.passthrough import is_passed
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.sasl import BearerProblem, Conversation, SaslError, ServerUnproven
from bridge.upstream.advice import about_a_token, about_the_password, what_to_do
from bridge.upstream.failures import PASSING_CODES, asked_of, not_now, quoted
from bridge.upstream.link import EVENT_LIMIT, Link
from bridge.upstream.refusals import UNCLEAR_PAUSES
from bridge.upstream.ways import LOGIN, Ways

INITIAL_OCTETS = 4096
"""The longest first response that goes along with AUTHENTICATE: some servers take no longer line than 8,192 octets."""

MOST_CHALLENGES = 8
"""More than any mechanism here has."""

REFUSING_CODES = frozenset(
    {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN"}
)
"""Response codes that say that this user may not sign in (RFC 5530 §3)."""

BAD_PAUSE = UNCLEAR_PAUSES[0]
"""Seconds until a server is asked again that answers BAD to every way of signing in: it may count that as wrong."""

LOST_PAUSES = (0.0, 60.0, UNCLEAR_PAUSES[0])
"""The same after one that closed the connection, or was silent, instead of saying whether the password is right: each
time in a row, the last one again and again. Once may be a line that broke just then.
"""

# Servers that use no response codes say so in words; a wrong password must not look like it.
_PASSING_WORDS = re.compile(
    r"too many|unavailable|temporary (?:[a-z]+ )?(?:failure|error)|temporarily unable", re.IGNORECASE
)


class TokenRefused(UpstreamLoginFailed):
    """The server does not take this token. Another may do: tokens end, and are taken back, without a word."""


class Authenticating:
    """One account's way in. `mechanism` is what was used last, for reports.

    `definite` tells of the last refusal whether it was clearly about user and password (RFC 5530 §3). `told` says that
    a server was given the password, and has not said by a code that it looked at none: it may have counted it as wrong.
    """

    def __init__(self, settings: AccountSettings) -> None:
        self.mechanism = ""
        self.definite = True
        self.told = False
        self._settings = settings
        self._name = settings.name
        self._ways = Ways(settings)
        self._unanswered = 0

    async def with_password(self, link: Link) -> None:
        """Sign in with user and password. Raises `UpstreamError`s; what is tried next is decided by what a server says.

        A BAD is about the command unless it says that it is the password: another way may do. So is a NO that came
        before the server was sent anything to tell by whether the password is right: it keeps none that this way can
        use. What says that it is the password, or `not now`, is the last word: each further try may count.
        """
        _hush(link, self._settings.password)
        answer: Tagged | None = None
        for way in self._ways.conversations(self._ways.with_password(link)):
            self.told = True
            answer, tested = await self._answered(link, way)
            if answer.kind == "OK":
                link.unsayable.clear()
                return
            if self._passing(answer) or (tested and (answer.kind == "NO" or _definite(answer))):
                break
            self._ways.unfit.add(way if isinstance(way, str) else way.name)
        raise self._no_way(link) if answer is None else self._not_taken(link, answer)

    async def with_token(self, link: Link, token: Secret) -> None:
        """Sign in with a token. Raises `TokenRefused` for one that is not taken, and `UpstreamError`s as above."""
        try:
            ways = self._ways.with_token(link, token)
        except SaslError as failure:
            raise UpstreamLoginFailed(self._name, f"account {self._name}: {failure}") from failure
        _hush(link, token)
        answer, problem = None, None
        for way in ways:
            answer, _ = await self._try(link, way)
            if answer.kind == "OK":
                link.unsayable.clear()
                return
            problem = way.problem
            if answer.kind == "NO" or problem is not None:
                break
            self._ways.unfit.add(way.name)
        if answer is None:
            raise self._takes_no_token(link)
        raise self._token_not_taken(link, answer, problem or BearerProblem())

    # --- one way

    async def _answered(self, link: Link, way: Conversation | str) -> tuple[Tagged, bool]:
        """Try one way. A server that goes without an answer may have taken the password for a wrong one."""
        try:
            answer = await self._try(link, way)
        except UpstreamUnavailable as failure:
            failure.pause = max(failure.pause, LOST_PAUSES[min(self._unanswered, len(LOST_PAUSES) - 1)])
            self._unanswered += 1
            raise
        self._unanswered = 0
        return answer

    async def _try(self, link: Link, way: Conversation | str) -> tuple[Tagged, bool]:
        """Try one way; gives the answer, and whether it can be about the password."""
        if isinstance(way, str):
            self.mechanism = LOGIN
            return await link.ask(commands.login(self._settings.user, self._settings.password)), True
        try:
            answer = await self._converse(link, way)
            if answer.kind == "OK":
                way.succeeded()
        except ServerUnproven as failure:
            sentence = f"account {self._name}: {failure} Somebody may be in between"
            raise link.lose(UpstreamBroken(self._name, sentence)) from failure
        return answer, way.tested

    async def _converse(self, link: Link, way: Conversation) -> Tagged:
        first = way.initial()
        if first:
            link.unsayable.add(_base64(first))
        at_once = first is not None and link.can("SASL-IR") and len(first) <= INITIAL_OCTETS
        self.mechanism = f"AUTHENTICATE {way.name}{' with an initial response' if at_once else ''}"
        tag = link.begin(commands.authenticate(way.name, first if at_once else None))
        waiting = None if at_once else first
        challenges, patience = 0, link.patience()
        for _ in range(EVENT_LIMIT):
            event = await link.step(patience)
            if isinstance(event, Tagged) and event.tag == tag:
                return event
            if isinstance(event, Continuation):
                if challenges == MOST_CHALLENGES:
                    break
                response = await _response(way, event) if waiting is None else waiting
                if response:
                    link.unsayable.add(_base64(response))
                link.imap.respond(response)
                waiting, challenges = None, challenges + 1
                patience.renew()
        raise link.lose(UpstreamBroken(self._name, f"account {self._name}: the server's answer has no end"))

    # --- what a refusal means

    def _no_way(self, link: Link) -> UpstreamError:
        other = what_to_do(self._settings, "") or "it may want another way to sign in"
        advice = "with TLS it may" if not link.stream.tls else other
        sentence = f"account {self._name}: the server takes no password on this connection; {advice}"
        return UpstreamRefused(self._name, sentence, "LOGINDISABLED")

    def _takes_no_token(self, link: Link) -> UpstreamError:
        offers = ", ".join(sorted(name.removeprefix("AUTH=") for name in link.imap.capabilities if "AUTH=" in name))
        sentence = (
            f"account {self._name}: the server takes no token (it offers neither OAUTHBEARER nor XOAUTH2, but"
            f" {offers or 'nothing'}): is `host` the provider's own, and does it want TLS?"
        )
        return UpstreamRefused(self._name, sentence, "LOGINDISABLED")

    def _passing(self, answer: Tagged) -> bool:
        """Tell whether a NO says `not now` rather than `no`."""
        code = answer.code.name if answer.code else ""
        words = code in {"", "ALERT"} and _PASSING_WORDS.search(answer.text)
        return bool(words) or _untested(answer)

    def _not_now(self, answer: Tagged, said: str) -> UpstreamUnavailable:
        sentence = f"account {self._name}: the server lets nobody in just now{said}"
        failure = not_now(self._name, sentence, answer.code.name if answer.code else "", answer.text)
        if answer.kind == "BAD" and not failure.pause:
            failure.pause = BAD_PAUSE
        return failure

    def _not_taken(self, link: Link, answer: Tagged) -> UpstreamError:
        said = quoted(link.sayable(answer.text))
        # What neither code nor words say to be about the password may have another reason: worth a try later.
        self.definite = _definite(answer)
        if self._passing(answer) or (answer.kind == "BAD" and not self.definite):
            self.told = not _untested(answer)
            return self._not_now(answer, said)
        advice = what_to_do(self._settings, answer.text) or _usual(self._settings)
        sentence = f"account {self._name}: the server does not take this user and password{said}; {advice}"
        return UpstreamLoginFailed(self._name, sentence)

    def _token_not_taken(self, link: Link, answer: Tagged, problem: BearerProblem) -> UpstreamError:
        said = quoted(link.sayable(answer.text))
        if not problem.status and (answer.kind == "BAD" or self._passing(answer)):
            return self._not_now(answer, said)
        self.definite = False  # another token may be taken
        why = link.sayable(" ".join(_explained(problem)))
        sentence = f"account {self._name}: the server does not take the token for {self._settings.user}{why}{said}"
        advice = about_a_token(self._settings)
        return TokenRefused(self._name, f"{sentence}; {advice}" if advice else sentence)


async def _response(way: Conversation, event: Continuation) -> bytes | None:
    """Answer a challenge; None cancels, where the mechanism has none like it. What is slow is computed in a thread."""
    challenge = event.challenge
    if challenge is None:
        return None
    try:
        if way.slow(challenge):
            return await trio.to_thread.run_sync(way.answer, challenge)
        return way.answer(challenge)
    except ServerUnproven:
        raise
    except SaslError:
        return None


def _definite(answer: Tagged) -> bool:
    """Tell whether a refusal is clearly about user and password, by its code or its words."""
    code = answer.code.name if answer.code else ""
    return code in REFUSING_CODES or about_the_password(answer.text)


def _untested(answer: Tagged) -> bool:
    """Tell whether a server says that it has not looked at the password."""
    code = answer.code.name if answer.code else ""
    return code in PASSING_CODES or bool(asked_of(code, answer.text).pause)


def _usual(settings: AccountSettings) -> str:
    if is_passed(settings.id):
        return "the next device that comes with the right ones mends it"
    return "correct them in the config and reload"


def _explained(problem: BearerProblem) -> list[str]:
    """Say what a refusal's words mean; nothing where there are none."""
    told = [f": it says {problem.status}" if problem.status else ""]
    if problem.scope:
        told.append(f"and wants a token for the scope {problem.scope}")
    if problem.schemes and "bearer" not in problem.schemes.lower():
        told.append(f"and takes tokens of the kind {problem.schemes} alone")
    return [word for word in told if word]


def _hush(link: Link, secret: Secret) -> None:
    """Have no words of the server quoted that hold the secret, as it is, as LOGIN quotes it, or in base64; what is sent
    comes to that.
    """
    plain = secret.reveal()
    as_sent = plain.replace("\\", "\\\\").replace('"', '\\"')
    link.unsayable.update({plain, as_sent, _base64(plain.encode("utf-8", "surrogateescape"))} if plain else ())


def _base64(sent: bytes) -> str:
    return b64encode(sent).decode()
