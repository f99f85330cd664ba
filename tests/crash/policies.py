"""The devices that live through crashes, and the instants at which their bridge is killed."""

from dataclasses import dataclass, field

from tests.support.bridge_config import Table

RANDOM = "random"
"""At any time within the first seconds, start-up included."""

ALWAYS = (
    "store.generation",
    "store.before_commit",
    "store.after_commit",
    "refresh.before_commit",
    "refresh.committed",
    "admission.before_commit",
    "admission.committed",
    "quit.received",
    "quit.committed",
    RANDOM,
)
ACTING = ("intent.before", "intent.after")
COPYING = ("intent.copied",)
SPOOLING = ("spool.written", "spool.renamed", "spool.committed")
SENDING = ("retr.sending",)
"""In the middle of a message on its way to the device."""

INSTANTS = (*ALWAYS, *ACTING, *COPYING, *SPOOLING, *SENDING)

OFTEN = {"store.before_commit": 8, "store.after_commit": 8}
"""Instants that come round again and again in one life, and up to which time it is killed; the others come once."""


@dataclass(frozen=True)
class Policy:
    """One kind of device. `removes`: what it deletes goes for good. `copies`: its server has no MOVE. `octets`: of each
    message, at least. `short`: lives in the short form, where they are not as many as of others.
    """

    name: str
    device: Table
    instants: tuple[str, ...] = (*ALWAYS, *ACTING)
    removes: bool = False
    copies: bool = False
    account: Table = field(default_factory=dict)
    octets: int = 0
    short: int = 0

    @property
    def deletes(self) -> bool:
        """True when it deletes; else what it fetched is hidden."""
        return "on_delete" in self.device


# With "account", a copy that is no heir would take its original's place all the same.
ALONE: Table = {"deduplicate": "off"}

POLICIES = (
    Policy("hide", {"on_delete": "hide"}, ALWAYS),
    Policy("seen", {"on_delete": "seen", **ALONE}),
    Policy("flag", {"on_delete": "flag"}),
    Policy("archive", {"on_delete": "archive", **ALONE}),
    Policy("trash", {"on_delete": "trash"}),
    Policy("trash without MOVE", {"on_delete": "trash", **ALONE}, (*ALWAYS, *ACTING, *COPYING), copies=True),
    Policy("expunge", {"on_delete": "expunge", **ALONE}, removes=True),
    Policy("hide once fetched", {"on_retrieve": "hide"}, ALWAYS),
    Policy(
        "hide large ones, spooled",
        {"on_delete": "hide"},
        (*SENDING, *SPOOLING, *ALWAYS),
        account={"spool": "ahead"},
        octets=400_000,
        short=2,
    ),
)
