"""Rounds of looks: moves, copies, new UIDVALIDITYs, losses that are not believed, and what devices see of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import NotListedYet
from bridge.model.names import AccountId
from bridge.model.settings import Deduplicate
from bridge.telemetry import counters
from tests.index.mailboxes import Letter
from tests.index.support import device, living
from tests.index.upstream import FakeUpstream

FAX = device("fax", "mail/INBOX", "mail/Sorted")
DEN = device("den", "mail/Sorted")


@pytest.fixture
def mail() -> FakeUpstream:
    upstream = FakeUpstream()
    upstream.box("Sorted")
    return upstream


async def test_new_mail_is_appended_and_numbered_in_the_order_of_its_coming(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("one", "two")
    mail.deliver("old", box="Sorted")
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        assert (await house.log_in("fax")).names == ["one", "two", "old"]
        mail.deliver("three")
        await house.settle()
        mail.deliver("four", box="Sorted")
        mail.deliver("five")
        await house.settle()
        assert (await house.log_in("fax")).names == ["one", "two", "old", "three", "five", "four"]


async def test_a_move_keeps_the_unique_id(tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock) -> None:
    mail.deliver(*(f"letter {n}" for n in range(5)))
    async with living(tmp_path, {"mail": mail}, FAX, DEN) as house:
        before = (await house.log_in("fax")).uidls
        mail.move(2, "INBOX", "Sorted")
        await house.settle()
        after = await house.log_in("fax")
        assert after.uidls == before
        assert after.places[1].key.mailbox == "Sorted"
        assert (await house.log_in("den")).uidls == [before[1]]


async def test_a_copy_whose_original_goes_within_a_cycle_was_a_move(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(5)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        before = (await house.log_in("fax")).uidls
        mail.copy(3, "INBOX", "Sorted")
        await trio.sleep(61)
        assert (await house.log_in("fax")).uidls == before
        mail.expunge(3)
        await house.settle()
        assert (await house.log_in("fax")).uidls == before


async def test_a_copy_that_stays_is_a_message_of_its_own(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("one", "two")
    async with living(tmp_path, {"mail": mail}, FAX, replace(DEN, deduplicate="account")) as house:
        before = (await house.log_in("fax")).uidls
        mail.copy(1, "INBOX", "Sorted")
        await house.settle()
        after = await house.log_in("fax")
        assert after.uidls[:2] == before
        assert after.names == ["one", "two", "one"]
        assert (await house.log_in("den")).names == ["one"]


async def test_a_new_uidvalidity_changes_nothing_for_devices(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(50)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        before = await house.log_in("fax")
        measured = mail.measured
        mail.renumber()
        mail.deliver("new")
        await house.settle()
        after = await house.log_in("fax")
        assert after.uidls[:50] == before.uidls
        assert after.names == [*(f"letter {n}" for n in range(50)), "new"]
        assert list(after.maildrop.sizes)[:50] == list(before.maildrop.sizes)
        assert mail.measured == measured + 1


async def test_a_mailbox_emptied_by_mistake_and_restored_is_not_noticed(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(50)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        before = (await house.log_in("fax")).uidls
        saved = dict(mail.box().letters)
        mail.expunge(*saved)
        await house.settle(1000)
        assert (await house.log_in("fax")).uidls == before
        assert house.accounts[AccountId("mail")].memory.suspicions
        mail.box().letters.update(saved)
        mail.told()
        await house.settle()
        assert (await house.log_in("fax")).uidls == before
        assert not house.accounts[AccountId("mail")].memory.suspicions


async def test_restored_under_another_uidvalidity(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(50)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        before = (await house.log_in("fax")).uidls
        saved = list(mail.box().letters.values())
        mail.box().letters.clear()
        mail.renumber()
        mail.deliver("meanwhile")
        await house.settle(1000)
        assert (await house.log_in("fax")).names == [*["?"] * 50, "meanwhile"]
        for letter in saved:
            mail.add(letter)
        await house.settle()
        after = await house.log_in("fax")
        assert after.uidls[:50] == before
        assert after.names == [*(letter.name for letter in saved), "meanwhile"]


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_loss_is_believed_when_accepted_or_after_an_hour(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock, accepted: bool
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(50)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        await house.log_in("fax")
        mail.expunge(*range(1, 31))
        await house.settle(3000)
        assert len((await house.log_in("fax")).uidls) == 50
        if accepted:
            await house.store.accept_suspicions(AccountId("mail"), house.now())
            await house.accounts[AccountId("mail")].believe()
            await house.settle(100)
        else:
            await house.settle(700)
        assert (await house.log_in("fax")).names == [f"letter {n}" for n in range(30, 50)]


async def test_a_loss_is_doubted_over_a_restart(tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock) -> None:
    mail.deliver(*(f"letter {n}" for n in range(50)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.log_in("fax")
        await house.settle()
        mail.expunge(*range(1, 51))
        await house.settle()
    async with living(tmp_path, {"mail": mail}, FAX, offset=house.now()) as house:
        await house.settle(1000)
        assert len((await house.log_in("fax")).uidls) == 50
        await house.settle(3000)
        assert (await house.log_in("fax")).uidls == []


async def test_a_mailbox_that_is_missing_is_an_outage(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("one")
    mail.deliver("two", box="Sorted")
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        before = (await house.log_in("fax")).uidls
        sorted_box = mail.boxes.pop("Sorted")
        mail.deliver("three")
        await house.settle()
        after = await house.log_in("fax")
        assert after.uidls[:2] == before
        assert after.names == ["one", "?", "three"]
        assert "Sorted" in house.accounts[AccountId("mail")].problem
        mail.boxes["Sorted"] = sorted_box
        await house.settle()
        assert (await house.log_in("fax")).names == ["one", "two", "three"]
        assert house.accounts[AccountId("mail")].problem == ""


async def test_a_source_never_listed_is_left_out_then_appended(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("one")
    other = FakeUpstream("other")
    other.deliver("two", "three")
    other.down = True
    both = device("fax", "other/INBOX", "mail/INBOX")
    async with living(tmp_path, {"mail": mail, "other": other}, both) as house:
        assert (await house.log_in("fax")).names == ["one"]
        assert house.maildrops.waiting(both) == ["other/INBOX"]
        other.down = False
        await house.settle()
        assert (await house.log_in("fax")).names == ["one", "two", "three"]
        mail.deliver("four")
        other.down = True
        other.told()
        await house.settle()
        assert (await house.log_in("fax")).names == ["one", "two", "three", "four"]


async def test_a_login_is_refused_while_nothing_is_listed(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.down = True
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        with pytest.raises(NotListedYet):
            await house.log_in("fax")


async def test_a_uid_that_names_another_message_is_a_new_entry(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(30)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        before = (await house.log_in("fax")).uidls
        mail.down = True
        mail.told()
        mail.box().letters[7] = Letter("stranger", 555)
        await house.settle()
        mail.down = False
        await house.settle()
        after = await house.log_in("fax")
        assert after.names == [*(f"letter {n}" for n in range(30) if n != 6), "stranger"]
        assert after.uidls == [*before[:6], *before[7:], after.uidls[-1]]
        assert after.uidls[-1] not in before


async def test_a_mailbox_that_went_to_another_host_and_name(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(40)), box="Sorted")
    async with living(tmp_path, {"mail": mail}, DEN) as house:
        await house.settle()
        before = (await house.log_in("den")).uidls
        sizes = list((await house.log_in("den")).maildrop.sizes)
    moved = FakeUpstream()
    moved.box("Archive/Sorted").uidvalidity = 99
    moved.deliver(*(f"letter {n}" for n in range(40)), box="Archive/Sorted")
    renamed = device("den", "mail/Archive/Sorted")
    async with living(tmp_path, {"mail": moved}, renamed, offset=house.now()) as house:
        await house.settle()
        after = await house.log_in("den")
        assert after.uidls == before
        assert list(after.maildrop.sizes) == sizes


async def test_a_search_decides_once(tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock) -> None:
    wanted = replace(device("fax", "mail/INBOX"), search="FLAGGED")
    flagged = {"one"}
    mail.found["FLAGGED"] = lambda letter: letter.name in flagged
    mail.deliver("one", "two")
    async with living(tmp_path, {"mail": mail}, wanted) as house:
        assert (await house.log_in("fax")).names == ["one"]
        flagged.update({"two", "three"})
        flagged.remove("one")
        mail.deliver("three", "four")
        await house.settle()
        assert (await house.log_in("fax")).names == ["one", "three"]


async def test_verification_is_spared_where_the_server_counts_changes(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.modseqs = True
    mail.deliver(*(f"letter {n}" for n in range(30)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        await house.log_in("fax")
    listed = mail.listed
    async with living(tmp_path, {"mail": mail}, FAX, offset=house.now()) as house:
        await house.settle()
        await house.log_in("fax")
    assert mail.listed == listed


async def test_a_restore_that_takes_its_time_is_not_noticed(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(50)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        before = (await house.log_in("fax")).uidls
        saved = list(mail.box().letters.values())
        mail.expunge(*range(1, 51))
        await house.settle()
        for letter in saved:
            mail.add(letter)
            await house.settle(50)
            assert (await house.log_in("fax")).uidls == before
        assert not house.accounts[AccountId("mail")].memory.suspicions


async def test_another_loss_is_doubted_anew(tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock) -> None:
    mail.deliver(*(f"letter {n}" for n in range(100)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        await house.log_in("fax")
        mail.expunge(*range(1, 31))
        await house.settle(3000)
        mail.expunge(*range(31, 101))
        await house.settle(3000)
        assert len((await house.log_in("fax")).uidls) == 100
        await house.settle(1000)
        assert (await house.log_in("fax")).uidls == []


async def test_what_devices_did_away_with_is_no_loss(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(60)))
    mail.deliver("other")
    mail.box("Trash")
    fax, till = replace(FAX, on_delete="trash"), device("till", "mail/INBOX", on_delete="expunge")
    doubted = counters()["losses_doubted"]
    async with living(tmp_path, {"mail": mail}, fax, till) as house:
        house.undo_window = 0
        await house.settle()
        await (await house.log_in("fax")).quit(*range(1, 31))
        await (await house.log_in("till")).quit(*range(31, 62))
        await house.settle()
        assert (await house.log_in("fax")).uidls == []
        assert not mail.box().letters
        assert counters()["losses_doubted"] == doubted


async def test_a_copy_takes_over_from_its_original_when_status_saw_it_go(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(5)))
    fax = replace(FAX, deduplicate="account")
    async with living(tmp_path, {"mail": mail}, fax) as house:
        await house.settle()
        before = (await house.log_in("fax")).uidls
        mail.copy(3, "INBOX", "Sorted")
        await house.settle()
        assert (await house.log_in("fax")).uidls == before
        mail.expunge(3)
        await house.settle()
        await house.maildrops.preview(fax)
        after = await house.log_in("fax")
        assert after.uidls == before
        assert after.places[2].key.mailbox == "Sorted"


async def test_what_may_be_a_copy_is_waited_for_rather_than_left_out_of_a_first_list(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {n}" for n in range(700)))
    fax = replace(device("fax", "mail/INBOX", "mail/Missing"), deduplicate="account")
    async with living(tmp_path, {"mail": mail}, fax) as house:
        assert len((await house.log_in("fax")).names) == 700


@pytest.mark.parametrize("first", ["INBOX", "Sorted", "Lists"])
@pytest.mark.parametrize("box", ["INBOX", "Sorted", "Lists"])
async def test_moves_in_the_middle_of_a_look_are_not_noticed(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock, first: str, box: str
) -> None:
    mail.box("Lists")
    every = [first, *(name for name in ("INBOX", "Sorted", "Lists") if name != first)]
    for name in every:
        mail.deliver(*(f"{name} {n}" for n in range(30)), box=name)
    async with living(tmp_path, {"mail": mail}, device("fax", *(f"mail/{name}" for name in every))) as house:
        await house.settle()
        before = sorted((await house.log_in("fax")).uidls)
        moves = [(box, target) for target in every if target != box] * 2
        shown: list[list[str]] = []

        def move(asked: str) -> None:
            if asked == box and moves:
                source, target = moves.pop()
                mail.move(min(mail.box(source).letters), source, target)

        index = house.accounts[AccountId("mail")]
        background, published = index.background, index.background.wake

        def look() -> None:
            parts = [part for mailbox in index.mailboxes.values() for part in mailbox.parts]
            shown.append(sorted(uidl for part in parts for uidl in part.uidls))
            published()

        mail.asked = move
        background.wake = look  # type: ignore[method-assign]
        for name in every:
            mail.move(min(mail.box(name).letters), name, every[every.index(name) - 1])
            await house.settle()
        assert not moves
        assert all(each == before for each in shown)


async def test_a_new_message_that_is_moved_on_at_once_is_shown_once(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.box("Lists")
    mail.deliver(*(f"letter {n}" for n in range(5)))
    mail.deliver("old", box="Sorted")
    async with living(tmp_path, {"mail": mail}, device("fax", "mail/INBOX", "mail/Sorted", "mail/Lists")) as house:
        await house.settle()
        before = (await house.log_in("fax")).uidls
        # One comes and is copied, one was moved and is copied, before anybody looks.
        [new] = mail.deliver("new", box="Sorted")
        mail.copy(new, "Sorted", "Lists")
        moved = mail.move(1, "Sorted", "INBOX")
        mail.copy(moved, "INBOX", "Lists")
        await trio.sleep(61)
        after = (await house.log_in("fax")).uidls
        assert after[:6] == before
        assert len(after) == 7
        mail.expunge(new, box="Sorted")
        mail.expunge(moved)
        await house.settle()
        assert (await house.log_in("fax")).uidls == after
        assert {place.key.mailbox for place in (await house.log_in("fax")).places[5:]} == {"Lists"}


@pytest.mark.parametrize("deduplicate", ["off", "account", "all"])
async def test_a_copy_whose_original_goes_before_the_device_comes_again_was_a_move(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock, deduplicate: Deduplicate
) -> None:
    """Some programs copy, and expunge hours later; a device comes by once a day."""
    mail.deliver("one", "two", "three")
    fax = replace(FAX, deduplicate=deduplicate)
    async with living(tmp_path, {"mail": mail}, fax) as house:
        await house.settle()
        first = await house.log_in("fax")
        await first.quit(3)
        mail.copy(1, "INBOX", "Sorted")
        mail.copy(3, "INBOX", "Sorted")
        await house.settle()
        mail.expunge(1, 3)
        await house.settle()
        after = await house.log_in("fax")
        # A copy of what was deleted is a message of its own only for a device that wants to see them all.
        again = ["three"] if deduplicate == "off" else []
        assert after.names == ["one", "two", *again]
        assert after.uidls[:2] == first.uidls[:2]
        assert after.places[0].key.mailbox == "Sorted"
        await after.quit(1)
        assert (await house.log_in("fax")).names == ["two", *again]
    async with living(tmp_path, {"mail": mail}, fax) as house:
        await house.settle()
        assert (await house.log_in("fax")).names == ["two", *again]


async def test_a_copy_in_another_account_whose_original_goes_before_the_device_comes_again(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    other = FakeUpstream("other")
    mail.deliver("one", "two")
    everywhere = replace(device("fax", "mail/INBOX", "other/INBOX"), deduplicate="all")
    within = replace(device("den", "mail/INBOX", "other/INBOX"), deduplicate="account")
    async with living(tmp_path, {"mail": mail, "other": other}, everywhere, within) as house:
        await house.settle()
        first = await house.log_in("fax")
        await house.log_in("den")
        other.deliver("one")
        await house.settle()
        mail.expunge(1)
        await house.settle()
        assert (await house.log_in("fax")).uidls == first.uidls
        den = await house.log_in("den")
        assert (den.names, den.uidls[0]) == (["two", "one"], first.uidls[1])
