"""One account's token: had anew ahead of its end, once for all who ask, and written down before it is used."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import SealBroken, SignInNeeded, StoreUnavailable, UpstreamUnavailable
from bridge.model.names import AccountId
from bridge.model.oauth import Flow, OAuthSettings, Tokens
from bridge.model.secret import Secret, SecretKind
from bridge.model.settings import AccountSettings
from bridge.oauth.keeper import LAST_BACKOFF, NEEDED_SECONDS, Keeper
from bridge.telemetry import counters
from bridge.telemetry.logs import configure

NOW = 1_800_000_000.0
NEEDED = SignInNeeded("mail", "account mail: its sign-in is over: `popbridge login mail`")
DOWN = UpstreamUnavailable("mail", "account mail: its authorization server is down")


@dataclass
class Endpoint:
    """Gives tokens that live for `life` seconds, and a new refresh token each time; or fails. `took` is how long."""

    wall: Callable[[], float]
    life: float = 3600.0
    took: float = 0.5
    rotates: bool = True
    failure: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def refresh(self, tokens: Tokens | None) -> Tokens:
        if tokens is None:
            raise SignInNeeded("mail", "account mail: nobody has signed in yet: `popbridge login mail`")
        self.asked.append(tokens.refresh.reveal())
        await trio.sleep(self.took)
        if self.failure is not None:
            raise self.failure
        number = len(self.asked)
        refresh = Secret(f"refresh {number}") if self.rotates else tokens.refresh
        return Tokens(Secret(f"access-{number}"), self.wall() + self.life, refresh)


@dataclass
class Memory:
    """Keeps one account's tokens, or fails; `log` has what was done, in its order."""

    kept: Secret | None = None
    failure: Exception | None = None
    unreadable: Exception | None = None
    saved: list[Tokens] = field(default_factory=list)

    async def load_secret(self, kind: SecretKind, owner: str) -> Secret | None:
        await trio.lowlevel.checkpoint()
        if self.unreadable is not None:
            raise self.unreadable
        assert (kind, owner) == ("oauth", "mail-id")
        return self.kept

    async def save_secret(self, kind: SecretKind, owner: str, secret: Secret) -> None:
        await trio.sleep(0.1)
        if self.failure is not None:
            raise self.failure
        assert (kind, owner) == ("oauth", "mail-id")
        self.kept = secret
        self.saved.append(Tokens.parse(secret))

    def sign_in(self, tokens: Tokens) -> None:
        """Keep what a person's sign-in gave."""
        self.kept = tokens.text()


@dataclass
class Desk:
    """A keeper with all that is around it; `ahead` sets the clock on the wall."""

    flow: Flow = "device"
    ahead: float = 0.0

    def __post_init__(self) -> None:
        self.began = trio.current_time()
        self.memory = Memory()
        self.endpoint = Endpoint(self.wall)
        settings = AccountSettings(
            AccountId("mail-id"), "mail", "mail.example.org", 993, "implicit", "anna", Secret(""),
            oauth=OAuthSettings("custom", self.flow, "an id"),
        )  # fmt: skip
        self.keeper = Keeper(settings, self.endpoint, self.memory, self.wall, lambda: 0.5)

    def wall(self) -> float:
        """What the clock on the wall says."""
        return NOW + trio.current_time() - self.began + self.ahead

    def signed_in(self, life: float = 3600.0, access: str = "first") -> None:
        """Have a token kept."""
        self.memory.sign_in(Tokens(Secret(access), self.wall() + life if life else 0.0, Secret("refresh 0")))


@pytest.fixture
async def desk(autojump_clock: MockClock) -> Desk:
    """Give a desk where somebody has signed in a moment ago."""
    await trio.lowlevel.checkpoint()
    found = Desk()
    found.signed_in()
    return found


@asynccontextmanager
async def working(desk: Desk) -> AsyncIterator[None]:
    """Run the keeper for the block."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.keeper.run)
        yield
        nursery.cancel_scope.cancel()


async def token(desk: Desk, refused: str = "") -> str:
    """Ask for a token."""
    return (await desk.keeper.token(Secret(refused) if refused else None)).reveal()


class TestAhead:
    async def test_what_is_kept_is_used_until_near_its_end(self, autojump_clock: MockClock, desk: Desk) -> None:
        assert await token(desk) == "first"
        await trio.sleep(3560)
        assert await token(desk) == "first"
        assert desk.endpoint.asked == []
        await trio.sleep(20)
        assert await token(desk) == "access-1"

    async def test_it_is_had_anew_ahead_of_its_end(self, autojump_clock: MockClock, desk: Desk) -> None:
        async with working(desk):
            await trio.sleep(3600 - 450 - 1)
            assert desk.endpoint.asked == []
            await trio.sleep(2)
            assert await token(desk) == "access-1"
            began = trio.current_time()
            await trio.sleep(24 * 3600)
            assert trio.current_time() - began == 24 * 3600
            assert 24 <= len(desk.endpoint.asked) <= 30
            assert desk.endpoint.asked == [f"refresh {n}" for n in range(len(desk.endpoint.asked))]

    async def test_nobody_waits_for_it(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.endpoint.took = 10
        async with working(desk):
            for _ in range(3 * 360):
                began = trio.current_time()
                await token(desk)
                assert trio.current_time() == began
                await trio.sleep(10)
        assert len(desk.endpoint.asked) >= 3

    async def test_those_who_ask_at_once_share_one_refresh(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.signed_in(life=-1)
        found: list[str] = []

        async def ask() -> None:
            found.append(await token(desk))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask)
        assert found == ["access-1"] * 20
        assert desk.endpoint.asked == ["refresh 0"]

    async def test_those_who_ask_at_once_share_one_failure(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.signed_in(life=-1)
        desk.endpoint.failure = DOWN

        async def ask() -> None:
            with pytest.raises(UpstreamUnavailable):
                await token(desk)

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask)
        assert desk.endpoint.asked == ["refresh 0"]

    async def test_one_whose_end_is_not_told_is_used_until_refused(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.signed_in(life=0)
        async with working(desk):
            await trio.sleep(3 * 86400)
            assert await token(desk) == "first"
            assert desk.endpoint.asked == []
            assert await token(desk, refused="first") == "access-1"

    async def test_without_a_person_nothing_is_kept(self, autojump_clock: MockClock) -> None:
        desk = Desk("client-credentials")

        async def by_itself(tokens: Tokens | None) -> Tokens:
            await trio.sleep(1)
            desk.endpoint.asked.append("")
            return Tokens(Secret(f"access-{len(desk.endpoint.asked)}"), desk.wall() + 3600)

        desk.endpoint.refresh = by_itself  # type: ignore[method-assign]
        async with working(desk):
            assert await token(desk) == "access-1"
            await trio.sleep(3600)
            assert await token(desk) == "access-2"
        assert desk.memory.saved == []
        assert desk.memory.kept is None


class TestRefused:
    async def test_another_is_had(self, autojump_clock: MockClock, desk: Desk) -> None:
        assert await token(desk, refused="first") == "access-1"
        assert await token(desk) == "access-1"

    async def test_what_another_connection_had_anew_is_enough(self, autojump_clock: MockClock, desk: Desk) -> None:
        assert await token(desk, refused="first") == "access-1"
        assert await token(desk, refused="first") == "access-1"
        assert desk.endpoint.asked == ["refresh 0"]

    async def test_one_that_was_just_had_may_be_refused_too(self, autojump_clock: MockClock, desk: Desk) -> None:
        assert await token(desk, refused="first") == "access-1"
        assert await token(desk, refused="access-1") == "access-2"


class TestWrittenDown:
    async def test_before_it_is_used(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.signed_in(life=-1)
        given: list[str] = []

        async def ask() -> None:
            given.append(await token(desk))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(0.55)  # answered, and not committed yet
            assert (given, desk.memory.saved) == ([], [])
            await trio.sleep(0.1)
            assert given == ["access-1"]
        assert [one.refresh.reveal() for one in desk.memory.saved] == ["refresh 1"]

    @pytest.mark.parametrize("moment", [0.1, 0.55])
    async def test_also_when_nobody_waits_any_more(self, autojump_clock: MockClock, desk: Desk, moment: float) -> None:
        desk.signed_in(life=-1)
        with trio.move_on_after(moment):
            await token(desk)
        assert [one.refresh.reveal() for one in desk.memory.saved] == ["refresh 1"]
        assert await token(desk) == "access-1"
        assert desk.endpoint.asked == ["refresh 0"]

    async def test_a_disk_that_is_full(self, autojump_clock: MockClock, desk: Desk) -> None:
        """The old token is gone on with, and the new refresh token is not lost."""
        desk.memory.failure = StoreUnavailable("the disk is full")
        async with working(desk):
            await trio.sleep(3600 - 440)
            assert await token(desk) == "first"
            await trio.sleep(500)
            with pytest.raises(UpstreamUnavailable, match="cannot be written down"):
                await token(desk)
            assert desk.endpoint.asked == ["refresh 0"]
            desk.memory.failure = None
            await trio.sleep(LAST_BACKOFF)
            assert await token(desk) == "access-1"
            assert desk.endpoint.asked == ["refresh 0"]
            assert [one.refresh.reveal() for one in desk.memory.saved] == ["refresh 1"]

    async def test_where_the_refresh_token_stays_a_full_disk_stops_nothing(
        self, autojump_clock: MockClock, desk: Desk
    ) -> None:
        desk.signed_in(life=-1)
        desk.endpoint.rotates = False
        desk.memory.failure = StoreUnavailable("the disk is full")
        assert await token(desk) == "access-1"


class TestDown:
    async def test_the_token_is_used_to_its_end(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.endpoint.failure = DOWN
        async with working(desk):
            await trio.sleep(3560)
            assert await token(desk) == "first"
            assert not desk.keeper.state.sign_in_needed
            assert desk.keeper.state.problem == str(DOWN)
            await trio.sleep(20)
            with pytest.raises(UpstreamUnavailable):
                await token(desk)
            desk.endpoint.failure = None
            await trio.sleep(LAST_BACKOFF)
            assert (await token(desk)).startswith("access-")
            assert desk.keeper.state.problem == ""

    async def test_it_is_asked_less_and_less(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.signed_in(life=-1)
        desk.endpoint.failure = DOWN
        for _ in range(3600):
            with pytest.raises(UpstreamUnavailable):
                await token(desk)
            await trio.sleep(1)
        assert 3600 / LAST_BACKOFF < len(desk.endpoint.asked) < 2 * 3600 / LAST_BACKOFF

    async def test_a_pause_that_it_asks_for_is_kept_to(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.signed_in(life=-1)
        desk.endpoint.failure = UpstreamUnavailable("mail", "account mail: too many requests", 1000.0)
        with pytest.raises(UpstreamUnavailable) as first:
            await token(desk)
        assert first.value.pause == 1000.0
        desk.endpoint.failure = None
        await trio.sleep(999)
        with pytest.raises(UpstreamUnavailable):
            await token(desk)
        await trio.sleep(2)
        assert await token(desk) == "access-2"

    async def test_it_is_said_once(
        self, autojump_clock: MockClock, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configure("console", "info")
        desk.signed_in(life=-1)
        desk.endpoint.failure = DOWN
        async with working(desk):
            await trio.sleep(3600)
        assert capsys.readouterr().err.count("token.not_refreshed") == 1


class TestNeeded:
    async def test_nobody_has_signed_in(self, autojump_clock: MockClock) -> None:
        desk = Desk()
        with pytest.raises(SignInNeeded, match="popbridge login mail"):
            await token(desk)
        assert desk.keeper.state.sign_in_needed

    async def test_a_sign_in_that_is_over(
        self, autojump_clock: MockClock, desk: Desk, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It shows ahead of the token's end, which is used until then; and is said once, not each time it is asked."""
        configure("console", "info")
        before = counters()["sign_ins_needed"]
        desk.endpoint.failure = NEEDED
        async with working(desk):
            await trio.sleep(3600 - 440)
            assert desk.keeper.state.sign_in_needed
            assert desk.keeper.state.problem == str(NEEDED)
            assert await token(desk) == "first"
            await trio.sleep(440)
            for _ in range(60):
                with pytest.raises(SignInNeeded):
                    await token(desk)
                await trio.sleep(60)
            assert len(desk.endpoint.asked) == 1
            await trio.sleep(NEEDED_SECONDS)
        assert len(desk.endpoint.asked) == 2
        assert capsys.readouterr().err.count("account.needs_sign_in") == 1
        assert counters()["sign_ins_needed"] == before + 1

    @pytest.mark.parametrize("moment", [0.1, 0.45, 0.55, 0.65])
    async def test_a_refresh_under_way_does_not_replace_it(
        self, autojump_clock: MockClock, desk: Desk, moment: float
    ) -> None:
        desk.signed_in(life=-1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(token, desk)
            await trio.sleep(moment)
            login = Tokens(Secret("of the login"), desk.wall() + 3600, Secret("its refresh"))
            await desk.keeper.sign_in(login)
        assert desk.memory.kept is not None
        assert Tokens.parse(desk.memory.kept) == login
        assert await token(desk) == "of the login"

    async def test_a_sign_in_that_cannot_be_kept_changes_nothing(self, autojump_clock: MockClock, desk: Desk) -> None:
        assert await token(desk) == "first"
        desk.memory.failure = StoreUnavailable("the disk is full")
        with pytest.raises(StoreUnavailable):
            await desk.keeper.sign_in(Tokens(Secret("of the login"), desk.wall() + 3600, Secret("its refresh")))
        assert await token(desk) == "first"

    async def test_a_new_sign_in_is_taken_up_at_once(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.signed_in(life=-1)
        desk.endpoint.failure = NEEDED
        async with working(desk):
            await trio.sleep(1)
            desk.endpoint.failure = None
            desk.signed_in(access="anew")
            desk.keeper.signed_in()
            assert await token(desk) == "anew"
            assert not desk.keeper.state.sign_in_needed
            await trio.sleep(3600 - 400)
            assert (await token(desk)).startswith("access-")

    async def test_a_mistaken_refusal_is_found_out_later(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.signed_in(life=-1)
        desk.endpoint.failure = NEEDED
        async with working(desk):
            await trio.sleep(60)
            desk.endpoint.failure = None
            await trio.sleep(NEEDED_SECONDS + 300)
            assert not desk.keeper.state.sign_in_needed
            assert await token(desk) == "access-2"

    async def test_a_sign_in_while_a_refresh_is_under_way(self, autojump_clock: MockClock, desk: Desk) -> None:
        """What the refresh of the former sign-in gives does not take the place of the new one."""
        desk.signed_in(life=-1)
        desk.endpoint.took = 10
        async with trio.open_nursery() as nursery:
            nursery.start_soon(token, desk)
            await trio.sleep(5)
            desk.signed_in(access="anew")
            desk.keeper.signed_in()
        assert await token(desk) == "anew"
        assert desk.memory.saved == []

    async def test_a_seal_that_no_key_opens(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.memory.unreadable = SealBroken("sealed with another key")
        with pytest.raises(SignInNeeded, match=r"does not open .*put the key back and reload, or sign in"):
            await token(desk)
        assert desk.keeper.state.sign_in_needed
        desk.memory.unreadable = None
        desk.keeper.try_again()
        assert await token(desk) == "first"

    async def test_what_is_kept_makes_no_sense(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.memory.kept = Secret("nonsense")
        with pytest.raises(SignInNeeded) as failure:
            await token(desk)
        assert "nonsense" not in str(failure.value)

    async def test_a_database_that_cannot_be_read(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.memory.unreadable = StoreUnavailable("locked")
        with pytest.raises(UpstreamUnavailable):
            await token(desk)
        desk.memory.unreadable = None
        assert not desk.keeper.state.sign_in_needed


class TestClocks:
    @pytest.mark.parametrize("life", [0.0, -7200.0])
    async def test_tokens_that_are_over_when_they_come(
        self, autojump_clock: MockClock, desk: Desk, life: float
    ) -> None:
        desk.signed_in(life=-1)
        desk.endpoint.life = life
        async with working(desk):
            for _ in range(600):
                await token(desk)
                await trio.sleep(1)
        assert len(desk.endpoint.asked) == 1

    async def test_tokens_for_a_moment(self, autojump_clock: MockClock, desk: Desk) -> None:
        desk.endpoint.life = 0.5
        desk.signed_in(life=-1)
        async with working(desk):
            for _ in range(600):
                await token(desk)
                await trio.sleep(1)
        assert len(desk.endpoint.asked) < 450

    @pytest.mark.parametrize("jump", [86400.0, -86400.0, 10 * 365 * 86400.0])
    async def test_a_clock_that_is_set(self, autojump_clock: MockClock, desk: Desk, jump: float) -> None:
        async with working(desk):
            await trio.sleep(100)
            desk.ahead += jump
            await trio.sleep(3 * 3600)
            await token(desk)
        assert len(desk.endpoint.asked) <= 6

    async def test_a_machine_that_slept(self, autojump_clock: MockClock, desk: Desk) -> None:
        """The clock of the event loop stood still meanwhile."""
        await token(desk)
        desk.ahead += 8 * 3600
        assert await token(desk) == "access-1"


async def test_no_secret_is_shown(autojump_clock: MockClock, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    configure("console", "debug")
    desk.signed_in(life=-1)
    await token(desk)
    desk.memory.failure = StoreUnavailable("full")
    with pytest.raises(UpstreamUnavailable):
        await token(desk, refused="access-1")
    shown = capsys.readouterr().err + repr(desk.keeper.state) + repr(desk.keeper)
    words = itertools.product(("access-", "refresh "), "0123")
    assert not [word for word in map("".join, words) if word in shown]
