"""Logins that pass through: what an upstream is asked about, how long refusals take, and whom an attack keeps out."""

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import (
    BridgeError,
    SignInsHeldBack,
    UpstreamBroken,
    UpstreamError,
    UpstreamLoginFailed,
    UpstreamUnavailable,
)
from bridge.model.names import AccountId, DeviceId
from bridge.model.passthrough import PassedLogin, read_login
from bridge.model.peer import Peer
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash
from bridge.session import ConfiguredDoorkeeper, Hashed, PassingDoorkeeper, Standing
from bridge.session.attempts import AGAIN, DOWN, OF_ACCOUNT, OF_ADDRESS, OF_DOMAIN, OF_FAMILIAR, WINDOW
from bridge.session.passing import OTHERS_SECONDS
from tests.session.support import device

ANN, BEN = "ann@example.org", "ben@example.org"
RIGHT, WRONG = Secret("secret of ann"), Secret("guess")
HOME, AWAY = Peer("192.0.2.1", 4000), Peer("198.51.100.1", 4000)
HASH_SECONDS, UPSTREAM_SECONDS = 0.04, 2.0


async def hashing(stored: Hashed, given: Secret) -> bool:
    """Stand for the slow hash."""
    await trio.sleep(HASH_SECONDS)
    return isinstance(stored, PasswordHash) and stored.digest == given.reveal().encode()


class Upstream:
    """Accounts whose server takes two seconds to say whether a password is right."""

    domains = ("example.org",)
    devices: tuple[DeviceId, ...] = ()
    expire = None

    def __init__(self) -> None:
        self.right: dict[str, set[str]] = {ANN: {RIGHT.reveal()}, BEN: {"secret of ben"}}
        self.asked: list[tuple[str, str]] = []
        self.down: BridgeError | None = None
        self.states: dict[str, Standing] = {}
        self.hashes: dict[str, PasswordHash] = {}
        self.allowed: tuple[str, ...] = ()
        self.at_once = self.most_at_once = 0

    def read(self, login: str) -> PassedLogin | None:
        return read_login(login, self.domains)

    def networks(self, login: PassedLogin) -> tuple[str, ...]:
        return self.allowed

    def standing(self, account: AccountId) -> Standing:
        return self.states.get(account, "unknown")

    def verifier(self, account: AccountId) -> PasswordHash | None:
        return self.hashes.get(account)

    async def sign_in(self, login: PassedLogin, password: Secret) -> None:
        self.asked.append((login.account, password.reveal()))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await trio.sleep(UPSTREAM_SECONDS)
        finally:
            self.at_once -= 1
        if self.down is not None:
            raise self.down
        if password.reveal() not in self.right.get(login.account, ()):
            raise UpstreamLoginFailed(login.account, "no")
        self.states[login.account] = "signed in"

    async def enter(self, login: PassedLogin) -> DeviceSettings:
        await trio.lowlevel.checkpoint()
        return device(login.device)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def keeper(upstream: Upstream) -> PassingDoorkeeper:
    return PassingDoorkeeper(ConfiguredDoorkeeper([device("fax")], hashing), upstream)


async def heard(keeper: PassingDoorkeeper, login: str, password: Secret, peer: Peer = HOME) -> str:
    """Give `in`, `wrong` or `later`."""
    try:
        return "in" if await keeper.admit(login, password, peer) else "wrong"
    except (SignInsHeldBack, UpstreamError):
        return "later"


async def seconds(keeper: PassingDoorkeeper, login: str, password: Secret, peer: Peer) -> float:
    began = trio.current_time()
    assert await keeper.admit(login, password, peer) is None
    return trio.current_time() - began


async def test_a_password_is_asked_about_once(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    for login in (ANN, f"{ANN}+den", f"recent:{ANN}", ANN):
        assert await heard(keeper, login, RIGHT) == "in"
    assert len(upstream.asked) == 1
    for _ in range(3):
        assert await heard(keeper, ANN, WRONG, AWAY) == "wrong"
    assert len(upstream.asked) == 2
    await trio.sleep(AGAIN[0])
    assert await heard(keeper, ANN, WRONG, AWAY) == "wrong"
    assert len(upstream.asked) == 3


async def test_the_same_password_given_twice_at_once_is_asked_about_once(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    told: list[str] = []

    async def log_in(password: Secret) -> None:
        told.append(await heard(keeper, ANN, password))

    async with trio.open_nursery() as nursery:
        for password in (RIGHT, WRONG, RIGHT, WRONG):
            nursery.start_soon(log_in, password)
    assert sorted(told) == ["in", "in", "wrong", "wrong"]
    assert len(upstream.asked) == 2


async def test_unknown_domains_and_users_take_as_long_as_wrong_passwords(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    asked = await seconds(keeper, ANN, WRONG, Peer("203.0.113.1", 4000))
    assert asked > UPSTREAM_SECONDS
    upstream.allowed = ("192.0.2.0/24",)
    for number, login in enumerate((BEN, "ann@example.com", "nobody@example.org", "@example.org", "CAY@a"), 2):
        assert await seconds(keeper, login, WRONG, Peer(f"203.0.113.{number}", 4000)) == pytest.approx(asked)
    assert len(upstream.asked) == 1
    assert await seconds(keeper, "fax", WRONG, Peer("203.0.113.9", 4000)) < 1


async def test_whose_password_is_remembered_shows_in_no_time_either(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    """After a restart a password is compared with what is remembered before the server is asked."""
    upstream.hashes[ANN] = PasswordHash(2**14, 8, 1, b"salt", RIGHT.reveal().encode())
    upstream.states[ANN] = "remembered"
    remembered = await seconds(keeper, ANN, WRONG, AWAY)
    assert await seconds(keeper, "nobody@example.org", WRONG, Peer("203.0.113.1", 4000)) == pytest.approx(remembered)
    assert len(upstream.asked) == 2


async def test_a_hundred_guesses_of_one_address_ask_little_and_keep_the_owner_from_nothing(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    assert await heard(keeper, ANN, RIGHT) == "in"
    answers: list[str] = []

    async def guess(number: int) -> None:
        answers.append(await heard(keeper, (ANN, BEN, "cay@example.org")[number % 3], Secret(f"guess {number}"), AWAY))

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(guess, number)
        await trio.sleep(1)
        began = trio.current_time()
        assert await heard(keeper, ANN, RIGHT) == await heard(keeper, ANN, RIGHT, Peer("203.0.113.1", 4000)) == "in"
        assert trio.current_time() == began
    assert len(upstream.asked) - 1 <= 3 * OF_ACCOUNT
    assert upstream.most_at_once <= 2
    assert set(answers) == {"wrong", "later"}
    # The owner's new password is asked about from where the old one came, whatever strangers did.
    upstream.right[ANN] = {"new secret of ann"}
    upstream.states[ANN] = "refused"
    assert await heard(keeper, ANN, Secret("new secret of ann")) == "in"


async def test_who_guesses_at_many_keeps_nobody_waiting_for_a_new_password(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(heard, keeper, (f"user{number}@example.org", ANN)[number == 19], WRONG, AWAY)
        await trio.sleep(0.1)
        began = trio.current_time()
        assert await heard(keeper, ANN, RIGHT) == "in"
        assert trio.current_time() - began < 2 * UPSTREAM_SECONDS


async def test_one_address_and_one_domain_have_their_bounds(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    for number in range(2 * OF_ADDRESS):
        await heard(keeper, f"user{number}@example.org", WRONG, AWAY)
    assert len(upstream.asked) == OF_ADDRESS
    for number in range(OF_DOMAIN + 10):
        await heard(keeper, f"other{number}@example.org", WRONG, Peer(f"203.0.113.{number}", 4000))
    assert len(upstream.asked) == OF_DOMAIN
    await trio.sleep(WINDOW)
    assert await heard(keeper, ANN, RIGHT, AWAY) == "in"


async def test_who_mistypes_a_new_password_is_not_locked_out_upstream(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    assert await heard(keeper, ANN, RIGHT) == "in"
    told = [await heard(keeper, ANN, Secret(f"typo {number}")) for number in range(OF_FAMILIAR + 2)]
    assert told == ["wrong"] * OF_FAMILIAR + ["later"] * 2
    assert await heard(keeper, ANN, RIGHT) == "in"


async def test_a_server_that_is_down_is_not_asked_again_at_once(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    upstream.down = UpstreamUnavailable(ANN, "down")
    assert await heard(keeper, ANN, RIGHT) == await heard(keeper, BEN, WRONG) == "later"
    assert len(upstream.asked) == 1
    await trio.sleep(DOWN)
    upstream.down = UpstreamUnavailable(ANN, "this account is busy", pause=60.0)
    assert await heard(keeper, ANN, RIGHT) == "later"
    upstream.down = None
    assert await heard(keeper, BEN, Secret("secret of ben")) == "in"
    assert await heard(keeper, ANN, RIGHT) == "later"
    await trio.sleep(60)
    assert await heard(keeper, ANN, RIGHT) == "in"


async def test_a_server_that_answers_a_wrong_password_by_hanging_up_is_asked_as_seldom(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    assert await heard(keeper, ANN, RIGHT) == "in"
    upstream.down = UpstreamUnavailable(ANN, "it closed the connection")
    upstream.down.password_told = True
    for number in range(20):
        assert await heard(keeper, ANN, Secret(f"guess {number}"), Peer(f"203.0.113.{number}", 4000)) == "later"
        await trio.sleep(DOWN)
    assert len(upstream.asked) == 1 + OF_ACCOUNT
    # It may be this account alone, and it is no reason to send others away.
    upstream.down = None
    upstream.asked.clear()
    assert await heard(keeper, BEN, Secret("secret of ben")) == "in"


async def test_a_server_with_the_wrong_certificate_is_not_asked_again_at_once(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    upstream.down = UpstreamBroken(ANN, "its certificate is not to be trusted")
    for login in (ANN, BEN, ANN):
        assert await heard(keeper, login, WRONG) == "later"
    assert len(upstream.asked) == 1


async def test_other_ways_to_write_an_address_are_good_for_no_more_guesses(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    spelled = ("ann", "ann+a", "ann+b", "a.nn", "a.n.n", "\uff41nn", "an\u00adn", "a\u200bnn", "ann+")
    for number, user in enumerate(spelled):
        await heard(keeper, f"{user}@example.org", WRONG, Peer(f"203.0.113.{number}", 4000))
    assert len(upstream.asked) == OF_ACCOUNT


async def test_during_an_outage_who_is_remembered_gets_in(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    upstream.hashes[ANN] = PasswordHash(2**14, 8, 1, b"salt", RIGHT.reveal().encode())
    upstream.states[ANN] = "remembered"
    upstream.down = UpstreamUnavailable(ANN, "down")
    assert await heard(keeper, ANN, RIGHT) == "in"
    assert upstream.asked == []
    assert await heard(keeper, ANN, WRONG, AWAY) == "later"
    assert await heard(keeper, ANN, RIGHT) == "in"
    upstream.states[ANN] = "unknown"  # nothing is remembered, and the connection was lost
    del upstream.hashes[ANN]
    await trio.sleep(DOWN)
    assert await heard(keeper, ANN, RIGHT) == "later"


async def test_a_password_that_was_changed_is_wrong_from_then_on(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    upstream.hashes[ANN] = PasswordHash(2**14, 8, 1, b"salt", RIGHT.reveal().encode())
    assert await heard(keeper, ANN, RIGHT) == "in"
    upstream.right[ANN], upstream.states[ANN] = {"new"}, "refused"
    for _ in range(3):
        assert await heard(keeper, ANN, RIGHT) == "wrong"
    assert len(upstream.asked) == 2
    assert await heard(keeper, ANN, Secret("new")) == "in"
    assert await heard(keeper, ANN, RIGHT) == "wrong"
    assert len(upstream.asked) == 3


async def test_a_changed_password_is_not_good_because_its_device_comes_after_another(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    assert await heard(keeper, ANN, RIGHT) == "in"
    upstream.right[ANN], upstream.states[ANN] = {"new"}, "refused"
    assert await heard(keeper, ANN, Secret("new")) == "in"
    assert await heard(keeper, ANN, RIGHT) == "wrong"


async def test_two_passwords_of_one_account_are_both_good_and_asked_about_by_and_by(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    """Some providers give each program its own."""
    upstream.right[ANN].add("of the other program")
    for _ in range(5):
        assert await heard(keeper, ANN, RIGHT) == await heard(keeper, ANN, Secret("of the other program")) == "in"
    assert len(upstream.asked) == 3  # the first one was asked about again when the other came
    upstream.asked.clear()
    upstream.right[ANN].remove(RIGHT.reveal())
    await trio.sleep(OTHERS_SECONDS)
    assert await heard(keeper, ANN, Secret("of the other program")) == "in"
    assert await heard(keeper, ANN, RIGHT) == "wrong"
    assert len(upstream.asked) == 2


async def test_an_old_password_is_wrong_once_the_new_one_came_though_its_connection_lives_on(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    assert await heard(keeper, ANN, RIGHT) == "in"
    upstream.right[ANN] = {"new"}
    assert await heard(keeper, ANN, RIGHT) == "in"
    assert await heard(keeper, ANN, Secret("new")) == "in"
    assert await heard(keeper, ANN, RIGHT) == "wrong"
    assert await heard(keeper, ANN, Secret("new")) == "in"
    assert len(upstream.asked) == 3


async def test_nothing_is_kept_for_a_login_that_has_gone(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(UPSTREAM_SECONDS / 2):
        await keeper.admit(ANN, WRONG, HOME)
    assert not keeper._turns
    assert not keeper._waiting
    assert await heard(keeper, ANN, RIGHT) == "in"


async def test_the_configurations_own_devices_log_in_as_ever(
    keeper: PassingDoorkeeper, upstream: Upstream, autojump_clock: MockClock
) -> None:
    assert await heard(keeper, "fax", Secret("secret")) == "in"
    assert await heard(keeper, "fax", WRONG) == "wrong"
    assert upstream.asked == []
