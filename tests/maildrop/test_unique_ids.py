"""Unique-ids: made of the first location alone, so that a lost database gives the same ones again."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bridge.maildrop import unique_id
from bridge.model.names import AccountId, MailboxName, Uid, UidValidity
from bridge.model.places import MailboxKey

numbers = st.integers(1, 2**32 - 1)
locations = st.tuples(st.text(max_size=5), st.text(max_size=5), numbers, numbers, st.integers(0, 3))


def named(account: str, mailbox: str, uidvalidity: int, uid: int, attempt: int = 0) -> str:
    key = MailboxKey(AccountId(account), MailboxName(mailbox))
    return unique_id(key, UidValidity(uidvalidity), Uid(uid), attempt)


def test_a_unique_id_is_for_ever() -> None:
    """A change of scheme would have every device fetch all its mail again."""
    assert named("family", "INBOX", 1, 1) == "7c463f4ee5b08bf84b3f5f9dbad6f2ef"
    assert named("family", "Entwürfe", 4294967295, 4294967295, 2) == "d68a5d3361d4fb3da21762388b7323c7"


def test_parts_are_kept_apart() -> None:
    assert named("a", "bc", 1, 1) != named("ab", "c", 1, 1)
    assert named("a", "b", 11, 1) != named("a", "b", 1, 11)
    assert named("a", "b", 1, 1, 1) != named("a", "b", 1, 11, 0)


@given(locations)
def test_any_location_has_one(where: tuple[str, str, int, int, int]) -> None:
    """Of 32 digits, where RFC 1939 §7 allows 1 to 70 characters; punctuation in them has confused mail programs."""
    assert re.fullmatch("[0-9a-f]{32}", named(*where))
    assert named(*where) == named(*where)


@given(locations, locations)
def test_two_locations_have_two(one: tuple[str, str, int, int, int], other: tuple[str, str, int, int, int]) -> None:
    assert (named(*one) == named(*other)) is (one == other)
