"""Keeps one account's token good: one refresh at a time, ahead of its end, and written down before it is used."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import trio

from bridge.model.failures import (
    BridgeError,
    NoKey,
    SealBroken,
    SignInNeeded,
    StoreError,
    UpstreamError,
    UpstreamUnavailable,
)
from bridge.model.oauth import Tokens
from bridge.model.secret import Secret, SecretKind
from bridge.model.settings import AccountSettings
from bridge.oauth.term import Term
from bridge.telemetry import count, get_logger, instant

log = get_logger("oauth")

FIRST_BACKOFF = 5.0
LAST_BACKOFF = 300.0
"""Seconds between tries to reach an authorization server that is down, half to all of it."""

NEEDED_SECONDS = 6 * 3600.0
"""After a refusal that only a person can mend the authorization server is asked again so late: some are mistaken."""

LOOK_SECONDS = 300.0
"""How long a wait for a token's end goes without a look at the clock, which may have been set, or slept."""

OAUTH: SecretKind = "oauth"


class Endpoint(Protocol):
    """An authorization server, as far as a keeper goes; `TokenEndpoint` is one."""

    async def refresh(self, tokens: Tokens | None) -> Tokens:
        """Give new tokens for old, within a deadline. Raises `UpstreamError`s."""
        ...


class TokenStore(Protocol):
    """Where tokens are kept, sealed; `Store` is one."""

    async def load_secret(self, kind: SecretKind, owner: str) -> Secret | None:
        """Give what is kept."""
        ...

    async def save_secret(self, kind: SecretKind, owner: str, secret: Secret) -> None:
        """Keep it; returns after COMMIT."""
        ...


@dataclass(frozen=True, slots=True)
class TokenState:
    """How an account's token is, for `status`. Times are Unix seconds, None where there is none or it is not known.

    `problem` is a sentence, or empty; `sign_in_needed` says that only the account's owner can mend it.
    """

    sign_in_needed: bool = False
    problem: str = ""
    expires_at: float | None = None
    refreshed_at: float | None = None


class Keeper:
    """One account's token. Any number of tasks may ask for it.

    What the authorization server gives in place of a refresh token (it may take the old one back at once) is committed
    before anything else is done with it. A crash between its answer and that COMMIT loses it, as nothing here can
    help: then the account needs a sign-in. `run` is to be run for as long as the account is.
    """

    def __init__(
        self,
        account: AccountSettings,
        endpoint: Endpoint,
        store: TokenStore,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        assert account.oauth is not None, "an account that signs in by token"
        self._id, self._name = account.id, account.name
        self._unattended = account.oauth.unattended
        self._endpoint = endpoint
        self._store = store
        self._now = now
        self._chance = chance
        self._turn = trio.Lock()
        self._writing = trio.Lock()
        self._changed = trio.Event()
        self._loaded = False
        self._retired = False
        self._logins = 0
        self._tokens: Tokens | None = None
        self._term: Term | None = None
        self._unsaved: Tokens | None = None
        self._needed: SignInNeeded | None = None
        self._problem = ""
        self._refreshed_at: float | None = None
        self._quiet_until = -math.inf
        self._backoff = FIRST_BACKOFF

    @property
    def state(self) -> TokenState:
        """How the token is now."""
        expires = self._tokens.expires_at if self._tokens else 0.0
        return TokenState(self._needed is not None, self._problem, expires or None, self._refreshed_at)

    async def token(self, refused: Secret | None = None) -> Secret:
        """Give a token that is good as far as is known; another than `refused`, which the server did not take.

        Who waits while another asks shares what comes of it. Raises `SignInNeeded`, `UpstreamUnavailable` or
        `UpstreamBroken`. Cancelled while a refresh is under way it ends that first, within the endpoint's deadline:
        its answer may be the only token there is.
        """
        if (fit := self._fit(refused)) is not None:
            await trio.lowlevel.checkpoint()
            return fit
        async with self._turn:
            await self._load()
            return self._fit(refused) or await self._renewed(refused)

    async def sign_in(self, tokens: Tokens) -> None:
        """Keep what its owner signed in for, and begin anew with it; a refresh that is under way does not replace it.
        Returns after COMMIT. Raises `StoreError`s, or `NoKey`, and goes on with what it had.
        """
        async with self._writing:
            await self._store.save_secret(OAUTH, self._id, tokens.text())
            self.signed_in()

    def signed_in(self) -> None:
        """Its owner has signed in, and that was committed: begin anew with what is kept."""
        self._logins += 1
        self._loaded = False
        self._tokens, self._term, self._unsaved = None, None, None
        self.try_again()

    def try_again(self) -> None:
        """Forget that there was trouble: what it came from may have been mended."""
        self._needed, self._problem = None, ""
        self._quiet_until, self._backoff = -math.inf, FIRST_BACKOFF
        self._changed.set()

    async def run(self) -> None:
        """Have the token anew ahead of its end, until cancelled."""
        while True:
            self._changed = trio.Event()
            async with self._turn:
                await self._ahead()
            with trio.move_on_after(self._wait()):
                await self._changed.wait()

    async def retire(self) -> None:
        """Ask for no more tokens, once a refresh that is under way has ended: another keeper is to take over."""
        async with self._turn:
            self._retired = True
            await trio.lowlevel.checkpoint()

    # --- when

    def _fit(self, refused: Secret | None) -> Secret | None:
        """Give the token, if it is good and another than the refused one."""
        tokens, term = self._tokens, self._term
        if tokens is None or term is None or tokens.access == refused:
            return None
        return tokens.access if term.good(self._now(), trio.current_time()) else None

    def _wait(self) -> float:
        """Give for how long there is nothing to do."""
        clock = trio.current_time()
        due = self._term.due_in(self._now(), clock) if self._term is not None else 0.0
        return min(max(due, self._quiet_until - clock, 1.0), LOOK_SECONDS)

    async def _ahead(self) -> None:
        try:
            await self._load()
            due = self._term.due_in(self._now(), trio.current_time()) if self._term is not None else 0.0
            if due <= 0:
                await self._renew()
        except UpstreamError:
            return  # noted, and tried again

    # --- what

    async def _load(self) -> None:
        """Take up what is kept; once, until somebody signs in."""
        if self._loaded or self._unattended:
            return
        try:
            kept = await self._store.load_secret(OAUTH, self._id)
            tokens = Tokens.parse(kept) if kept is not None else None
        except (SealBroken, NoKey, ValueError) as failure:
            sentence = (
                f"account {self._name}: its token does not open ({failure}): put the key back and reload, or sign in"
                f" anew with `popbridge login {self._name}`"
            )
            raise self._need(SignInNeeded(self._name, sentence)) from None
        except StoreError as failure:
            down = UpstreamUnavailable(self._name, f"account {self._name}: its token cannot be read: {failure}")
            self._not_now(down)
            raise down from failure
        self._loaded = True
        if tokens is not None:
            self._take(tokens, new=False)

    def _take(self, tokens: Tokens, *, new: bool) -> None:
        self._tokens = tokens
        self._term = Term(tokens, self._now(), trio.current_time(), self._chance(), new=new)

    async def _renewed(self, refused: Secret | None) -> Secret:
        """Have the token anew. One that is still good is gone on with when that fails."""
        try:
            await self._renew()
        except UpstreamError:
            if (fit := self._fit(refused)) is not None:
                return fit
            raise
        assert self._tokens is not None, "a refresh gives tokens"
        return self._tokens.access

    async def _renew(self) -> None:
        """Ask the authorization server, unless it refused or was not to be reached a moment ago."""
        if self._retired:
            raise UpstreamUnavailable(self._name, f"account {self._name}: its configuration has changed")
        left = self._quiet_until - trio.current_time()
        if self._needed is not None and left > 0:
            raise self._needed
        if left > 0:
            sentence = f"account {self._name}: its token cannot be renewed now: {self._problem or 'tried again soon'}"
            raise UpstreamUnavailable(self._name, sentence)
        try:
            with trio.CancelScope(shield=True):
                await self._refresh()
        except SignInNeeded as failure:
            raise self._need(failure) from failure
        except UpstreamError as failure:
            self._not_now(failure)
            raise

    async def _refresh(self) -> None:
        logins = self._logins
        fresh = self._unsaved or await self._endpoint.refresh(self._tokens)
        instant("token.answered")
        async with self._writing:
            if superseded := logins != self._logins:
                self._loaded = False
            else:
                await self._keep(fresh)
        if superseded:
            # Somebody signed in meanwhile: what is kept is that login's.
            await self._load()
            return
        count("token_refreshes")
        self._take(fresh, new=True)
        self._refreshed_at = self._now()
        self._needed, self._problem, self._backoff = None, "", FIRST_BACKOFF
        log.info("token.refreshed", account=self._name, expires_at=fresh.expires_at or None)

    async def _keep(self, fresh: Tokens) -> None:
        """Write down what was given. Raises `UpstreamUnavailable` where that fails and the old token is of no more use:
        the new one is kept in memory, and written down before it is used.
        """
        if self._unattended:
            return
        try:
            await self._store.save_secret(OAUTH, self._id, fresh.text())
            self._unsaved = None
        except BridgeError as failure:
            log.error("token.not_saved", account=self._name, problem=str(failure))
            if self._tokens is not None and fresh.refresh == self._tokens.refresh:
                return
            self._unsaved = fresh
            sentence = f"account {self._name}: its new token cannot be written down ({failure}); tried again soon"
            raise UpstreamUnavailable(self._name, sentence) from failure
        instant("token.saved")

    # --- failing

    def _need(self, failure: SignInNeeded) -> SignInNeeded:
        """Note that only a person can help; said once."""
        if self._needed is None or str(self._needed) != str(failure):
            count("sign_ins_needed")
            log.error("account.needs_sign_in", account=self._name, problem=str(failure))
        self._needed, self._problem = failure, str(failure)
        self._quiet_until = trio.current_time() + NEEDED_SECONDS
        return failure

    def _not_now(self, failure: UpstreamError) -> None:
        """Note that the server cannot be asked for a while; said when it is news."""
        count("token_refreshes_failed")
        if str(failure) != self._problem:
            log.warning("token.not_refreshed", account=self._name, problem=str(failure))
        self._problem = str(failure)
        asked = failure.pause if isinstance(failure, UpstreamUnavailable) else 0.0
        self._quiet_until = trio.current_time() + max(asked, self._backoff * (1 + self._chance()) / 2)
        self._backoff = min(self._backoff * 2, LAST_BACKOFF)
