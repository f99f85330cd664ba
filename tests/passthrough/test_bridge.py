"""Passthrough before a whole bridge: who gets in, what is asked upstream for it, and what is there afterwards."""

import time
from base64 import b64encode
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from bridge.model.failures import StoreUnavailable
from bridge.model.names import AccountId, DeviceId
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, Source
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Bye
from bridge.serve import passing
from bridge.session import passing as door
from bridge.session import suspects
from bridge.session.attempts import Pace
from bridge.upstream import pool
from tests.passthrough.house import (
    ANN,
    BEN,
    DOMAIN,
    House,
    device_ids,
    house,
    letter,
    passthrough,
    serving,
    settings,
    sign_ins,
    upstream,
)
from tests.support.device import Device

AUTH, TEMPORARY = "-ERR [AUTH] ", "-ERR [SYS/TEMP] "
DAY = 86400


def fetch_all(device: Device) -> None:
    for num in device.unique_ids():
        device.retr(num)


def delete_first(device: Device) -> None:
    device.command("DELE 1")


@pytest.fixture(autouse=True)
def _quickly_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long refusals take is another test's business."""
    monkeypatch.setattr(suspects, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(Pace, "SHORTEST", 0.0)
    monkeypatch.setattr(door, "DOWN", 0.0)


@pytest.mark.parametrize("remember", [True, False])
async def test_two_users_of_a_domain_read_their_own_mail(tmp_path: Path, remember: bool) -> None:
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port, remember=remember))) as at:
        asked = (await at.ask("status"))["counters"]["passed_signed_in"]
        assert await at.subjects(ANN) == ["a1", "a2"]
        assert await at.subjects("Ben@Example.ORG", "ben-secret-1") == ["b1"]
        assert await at.subjects(ANN) == ["a1", "a2"]
        assert (await at.ask("status"))["counters"]["passed_signed_in"] - asked == 2
        assert device_ids(await at.ask("status")) == [ANN, BEN]
        told = await at.domain()
        assert (told["accounts"], told["devices"], told["remembered"], told["running"]) == (2, 2, 2 * remember, 2)


async def test_tags_are_devices_of_their_own(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port))) as at:
        await at.session(ANN, delete_first)
        assert await at.subjects(ANN) == ["a2"]
        assert await at.subjects(f"{ANN}+den") == ["a1", "a2"]
        assert (await at.ask("device_undo", device=ANN))["shown_again"] == 1
        assert await at.subjects(ANN) == ["a1", "a2"]


async def test_recent_is_the_last_thirty_days_whatever_was_fetched(tmp_path: Path) -> None:
    server, now = upstream(), int(time.time())
    server.deliver(ANN, letter("last-month"), date=now - 29 * DAY)
    server.deliver(ANN, letter("last-year"), date=now - 31 * DAY)
    table = passthrough(0, on_retrieve="hide")
    async with serving(server) as port:
        table = replace(table, account=replace(table.account, port=port))
        async with house(settings(tmp_path, table)) as at:
            await at.session(ANN, fetch_all)
            assert await at.subjects(ANN) == []
            for _ in range(2):
                await at.session(f"recent:{ANN}", fetch_all)
                assert await at.subjects(f"recent:{ANN}") == ["a1", "a2", "last-month"]
            assert await at.subjects(f"RECENT:{ANN}+den", "ann-secret-1") == ["a1", "a2", "last-month"]
            assert (await at.domain())["accounts"] == 1


async def test_a_wrong_password_is_asked_about_once_and_unknown_domains_are_told_alike(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port))) as at:
        wrong = await at.refusal(ANN, "guess")
        assert wrong.startswith(AUTH)
        asked = sign_ins(server)
        assert await at.refusal(f"{ANN}+den", "guess") == wrong
        assert await at.refusal("ann@example.com", "guess") == await at.refusal("ann", "guess") == wrong
        assert sign_ins(server) == asked == 1
        assert device_ids(await at.ask("status")) == []
        assert await at.subjects(ANN) == ["a1", "a2"]


async def test_many_wrong_passwords_ask_little_and_keep_the_owner_from_nothing(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port))) as at:
        assert await at.subjects(ANN) == ["a1", "a2"]
        asked, heard = sign_ins(server), []

        async def guess(number: int) -> None:
            heard.append(await at.refusal(ANN, f"guess {number}"))

        async with trio.open_nursery() as nursery:
            for number in range(15):
                nursery.start_soon(guess, number)
            assert await at.subjects(ANN) == ["a1", "a2"]
        assert sign_ins(server) - asked <= 5
        assert {each[:6] for each in heard} == {AUTH[:6], TEMPORARY[:6]}
        assert await at.subjects(ANN) == ["a1", "a2"]


# --- outages and restarts


async def listed_once(tmp_path: Path, remember: bool, **device: object) -> int:
    """Have Ann's maildrop listed by a bridge that ends, and give the port on which nobody answers any more."""
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port, remember=remember, **device))) as at:
        assert await at.subjects(ANN) == ["a1", "a2"]
    return port


async def test_a_remembered_login_is_served_from_the_index_during_an_outage(tmp_path: Path) -> None:
    port = await listed_once(tmp_path, remember=True)
    async with house(settings(tmp_path, passthrough(port))) as at:
        assert await at.session(ANN, Device.stat) == (2, len(letter("a1")) * 2)
        assert await at.session(f"{ANN}+den", Device.stat) == (2, len(letter("a1")) * 2)
        assert (await at.refusal(ANN, "guess")).startswith(TEMPORARY)  # it may be a new one
        assert (await at.refusal(BEN)).startswith(TEMPORARY)
        assert (await at.domain())["unreachable"] == 1


async def test_what_is_not_remembered_does_not_outlast_an_outage(tmp_path: Path) -> None:
    port = await listed_once(tmp_path, remember=False)
    async with house(settings(tmp_path, passthrough(port, remember=False))) as at:
        assert (await at.refusal(ANN)).startswith(TEMPORARY)
        assert (await at.account())["state"] == "asleep"
        assert device_ids(await at.ask("status")) == [ANN]


@pytest.mark.parametrize("remember", [True, False])
async def test_an_outage_ends_at_once_what_is_not_remembered(tmp_path: Path, remember: bool) -> None:
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port, remember=remember))) as at:
        assert await at.subjects(ANN) == ["a1", "a2"]
        server.script = Script([Rule("greeting", Bye("down"), times=None)])
        server.drop_connections()
        await at.until(lambda found: found["accounts"][0]["state"] == "offline")
        assert (await at.refusal(ANN)).startswith("" if remember else TEMPORARY)
        server.script = None
        assert await at.subjects(ANN) == ["a1", "a2"]


async def test_after_a_restart_what_is_remembered_is_watched_before_anybody_logs_in(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port:
        for remember in (True, False):
            async with house(settings(tmp_path, passthrough(port, remember=remember))) as at:
                await at.session(ANN, Device.stat)
        async with house(settings(tmp_path, passthrough(port))) as at:
            # The second bridge had forgotten it.
            assert (await at.account())["state"] == "asleep"
            await at.session(ANN, Device.stat)
        server.deliver(ANN, letter("a3"))
        async with house(settings(tmp_path, passthrough(port))) as at:
            await at.until(lambda found: found["accounts"][0]["mailboxes"][0]["messages"] == 3)
            asked = sign_ins(server)
            assert await at.subjects(ANN) == ["a1", "a2", "a3"]
            assert sign_ins(server) <= asked + 1


async def test_what_a_deletion_asks_for_is_done_after_a_restart_with_the_device_gone(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port:
        slow = settings(tmp_path, passthrough(port, on_delete="trash"))
        slow = replace(slow, server=replace(slow.server, undo_window=1))
        async with house(slow) as at:
            await at.session(ANN, delete_first)
        async with house(slow) as at:
            await at.until(lambda found: found["devices"][0]["pending_intents"] == 0)
        assert len(server.mailbox(ANN, "Trash")) == 1


# --- the password changes


async def test_a_password_that_the_server_no_longer_takes_is_refused_until_the_new_one_comes(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port:
        async with house(settings(tmp_path, passthrough(port))) as at:
            await at.session(ANN, Device.stat)
            server.users[ANN].password = "ann-secret-2"
            server.drop_connections()
            await at.until(lambda found: found["passthrough"][0]["wrong"] == 1)
            assert (await at.refusal(ANN)).startswith(AUTH)
            assert await at.subjects(ANN, "ann-secret-2") == ["a1", "a2"]
            assert (await at.domain())["wrong"] == 0
            assert (await at.refusal(ANN)).startswith(AUTH)
        async with house(settings(tmp_path, passthrough(port))) as at:
            await at.until(lambda found: found["accounts"][0]["state"] == "online")
            assert await at.subjects(ANN, "ann-secret-2") == ["a1", "a2"]


# --- idle accounts


async def test_without_remembering_nothing_is_watched_once_the_session_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "TEND_SECONDS", 0.05)
    monkeypatch.setattr(passing, "AFTER_SESSION", 0.1)
    monkeypatch.setattr(pool, "KEEP_SECONDS", 0.1)
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port, remember=False))) as at:
        asked = 0
        for letters in (2, 3):
            assert sign_ins(server) == asked
            assert len(await at.subjects(ANN)) == letters
            await at.until(lambda found: found["accounts"][0]["connections"] == 0)
            assert (await at.account())["state"] == "idle"
            asked = sign_ins(server)
            server.deliver(ANN, letter("while nobody looked"))
        monkeypatch.setattr(passing, "FORGOTTEN_AFTER", 0.2)
        await at.until(lambda found: found["accounts"][0]["state"] == "asleep")
        assert len(await at.subjects(ANN)) == 4
        assert sign_ins(server) > asked


async def test_idle_accounts_give_way_where_there_is_no_room(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, replace(passthrough(port), max_accounts=1))) as at:
        assert await at.subjects(ANN) == ["a1", "a2"]
        assert await at.subjects(BEN) == ["b1"]
        assert (await at.account())["state"] == "asleep"
        assert await trio.to_thread.run_sync(during_a_session, at) == (TEMPORARY, 1)
        assert await at.subjects(ANN) == ["a1", "a2"]


async def test_an_account_at_which_something_is_to_be_done_is_woken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "TEND_SECONDS", 0.05)
    server = upstream()
    async with serving(server) as port:
        table = replace(passthrough(port, on_delete="trash"), max_accounts=1)
        slow = settings(tmp_path, table)
        async with house(replace(slow, server=replace(slow.server, undo_window=1))) as at:
            await at.session(ANN, delete_first)
            await at.session(BEN, Device.stat)
            await at.until(lambda found: found["accounts"][0]["state"] == "asleep")
            await at.ask("account_forget", account=BEN)
            await at.until(lambda _: len(server.mailbox(ANN, "Trash")))


async def test_an_account_has_so_many_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "MOST_DEVICES", 2)
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port))) as at:
        for login in (ANN, f"{ANN}+den", BEN):
            await at.session(login, Device.stat)
        assert (await at.refusal(f"{ANN}+attic")).startswith(TEMPORARY)
        await at.ask("device_forget", device=f"{ANN}+den")
        await at.session(f"{ANN}+attic", Device.stat)


def during_a_session(at: House) -> tuple[str, int]:
    """Have Ann log in while Ben is in a session; gives what she hears, and how many messages he still has."""
    with at.device(BEN) as ben:
        heard = trio.from_thread.run(partial(at.refusal, ANN))
        return heard[: len(TEMPORARY)], ben.stat()[0]


# --- reload and forget


async def test_a_reload_takes_passthrough_away_and_brings_it_back(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port))) as at:
        assert await at.subjects(ANN) == ["a1", "a2"]
        at.settings = settings(tmp_path)
        await at.bridge.reload()
        found = await at.ask("status")
        assert (found["accounts"], found["devices"], found["passthrough"]) == ([], [], [])
        assert found["remembered"]["accounts"] == [{"name": ANN, "messages": 2}]
        assert (await at.refusal(ANN)).startswith(AUTH)
        at.settings = settings(tmp_path, passthrough(port, on_delete="trash"))
        await at.bridge.reload()
        await at.session(ANN, delete_first)
        await at.until(lambda _: len(server.mailbox(ANN, "Trash")))


async def test_a_reload_to_another_server_goes_there(tmp_path: Path) -> None:
    server, other = upstream(), upstream()
    other.deliver(ANN, letter("elsewhere"))
    async with serving(server) as port, serving(other) as moved, house(settings(tmp_path, passthrough(port))) as at:
        assert await at.subjects(ANN) == ["a1", "a2"]
        at.settings = settings(tmp_path, passthrough(moved))
        await at.bridge.reload()
        assert await at.subjects(ANN) == ["a1", "a2", "elsewhere"]


async def test_a_reload_that_remembers_no_longer_forgets(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port:
        async with house(settings(tmp_path, passthrough(port))) as at:
            await at.session(ANN, Device.stat)
            at.settings = settings(tmp_path, passthrough(port, remember=False))
            await at.bridge.reload()
            assert (await at.domain())["remembered"] == 0
            assert await at.subjects(ANN) == ["a1", "a2"]
        async with house(settings(tmp_path, passthrough(port))) as at:
            assert (await at.account())["state"] == "asleep"


async def test_a_reload_that_remembers_from_now_on_remembers_who_is_known_at_their_next_login(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port:
        async with house(settings(tmp_path, passthrough(port, remember=False))) as at:
            await at.session(ANN, Device.stat)
            at.settings = settings(tmp_path, passthrough(port, on_delete="trash"))
            await at.bridge.reload()
            asked = sign_ins(server)
            await at.session(ANN, delete_first)
            assert (await at.domain())["remembered"] == 1
            assert sign_ins(server) <= asked + 1
        async with house(settings(tmp_path, passthrough(port, on_delete="trash"))) as at:
            await at.until(lambda _: len(server.mailbox(ANN, "Trash")))


async def test_what_another_key_sealed_is_asked_for_again(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port:
        async with house(settings(tmp_path, passthrough(port))) as at:
            await at.session(ANN, Device.stat)
        other = settings(tmp_path, passthrough(port))
        key = Secret(b64encode(bytes(32)).decode())
        async with house(replace(other, server=replace(other.server, token_keys=(key,)))) as at:
            assert (await at.account())["state"] == "asleep"
            assert await at.subjects(ANN) == ["a1", "a2"]
            assert (await at.domain())["remembered"] == 1


async def test_a_device_of_the_configuration_goes_first(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port:
        configured = settings(tmp_path, passthrough(port))
        account = replace(configured.passthrough[DOMAIN].account, id=AccountId("b"), name="b", user=BEN)
        account = replace(account, password=Secret("ben-secret-1"))
        source = (Source(account.id, "INBOX"),)
        own = DeviceSettings(DeviceId("den"), "den", ANN, Secret("of the device"), source)
        configured = replace(configured, accounts={account.id: account}, devices={own.id: own})
        async with house(configured) as at:
            assert await at.subjects(ANN, "of the device") == ["b1"]
            assert (await at.refusal(ANN)).startswith(AUTH)
            assert await at.subjects(f"{ANN}+den") == ["a1", "a2"]


async def test_a_forgotten_account_is_asked_for_again(tmp_path: Path) -> None:
    server = upstream()
    async with serving(server) as port:
        async with house(settings(tmp_path, passthrough(port))) as at:
            assert await at.subjects(ANN) == ["a1", "a2"]
            assert (await at.ask("account_forget", account=ANN))["messages"] == 2
            assert (await at.domain())["remembered"] == 0
            server.users[ANN].password = "ann-secret-2"
            assert (await at.refusal(ANN)).startswith(AUTH)
            assert await at.subjects(ANN, "ann-secret-2") == ["a1", "a2"]
            assert (await at.ask("device_forget", device=ANN))["announced"] == 2
            found = await at.ask("status")
            assert (found["accounts"], found["devices"], found["passthrough"][0]["remembered"]) == ([], [], 0)
            assert await at.subjects(ANN, "ann-secret-2") == ["a1", "a2"]
            await at.ask("device_forget", device=ANN)
            assert await at.bridge._store.secret_owners("remembered") == {}
        async with house(settings(tmp_path, passthrough(port))) as at:
            assert (await at.domain())["accounts"] == 0


async def test_a_row_that_cannot_be_written_keeps_nobody_out_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = upstream()
    async with serving(server) as port, house(settings(tmp_path, passthrough(port))) as at:

        async def full(*_: object) -> None:
            raise StoreUnavailable("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(at.bridge._store, "register", full)
            assert (await at.refusal(ANN)).startswith(TEMPORARY)
        assert device_ids(await at.ask("status")) == []
        assert await at.subjects(ANN) == ["a1", "a2"]
