"""Commands as they come over the control socket: which there are, and what their arguments must be."""

from collections.abc import Mapping
from typing import Any, Literal, assert_never, get_args

from bridge.model.failures import BridgeError, WrongRequest
from bridge.model.names import EntrySeq, Uidl
from bridge.model.oauth import Tokens
from bridge.model.secret import Secret
from bridge.serve.admin import Administration, Facts
from bridge.serve.progress import Progress

AdminCommand = Literal[
    "device_show",
    "device_undo",
    "device_confirm",
    "device_reset",
    "device_forget",
    "import_catalogue",
    "import_uidls",
    "explain",
    "account_accept",
    "account_forget",
    "account_retry",
    "account_may_sign_in",
    "account_signed_in",
    "account_probe",
    "resume",
    "backup",
]

MOST_SESSIONS = 10_000
"""Sessions that one undo goes back: more than a history holds of a device that polls every ten minutes for weeks."""

LONGEST_AGE = 100 * 365.25 * 86400.0
"""Seconds: as for durations in the configuration."""

LONGEST_TEXT = 4096
"""Characters of a name, a unique-id or a path: no argument is meant to be longer."""


LONGEST_TOKENS = 256 * 1024
"""Characters: two tokens of 64 KiB each, which is more than any server gives, with room around them."""


class UnknownCommand(BridgeError):
    """The control socket was asked for something this version does not have."""


async def carry_out(admin: Administration, command: str, arguments: Mapping[str, Any], progress: Progress) -> Facts:
    """Carry out one command. Raises `UnknownCommand`, `WrongRequest` for arguments that make no sense, and what
    `Administration` raises.
    """
    asked = _Asked(arguments)
    known = _known(command)
    match known:
        case "device_show":
            return await admin.device_show(asked.only("device").text("device"))
        case "device_undo":
            asked.only("device", "sessions")
            return await admin.device_undo(asked.text("device"), asked.sessions(), progress)
        case "device_confirm":
            return await admin.device_confirm(asked.only("device").text("device"))
        case "device_reset":
            return await admin.device_reset(asked.only("device", "since").text("device"), asked.age())
        case "device_forget":
            return await admin.device_forget(asked.only("device").text("device"))
        case "import_catalogue":
            asked.only("device", "source", "after")
            return await admin.import_catalogue(asked.text("device"), asked.whole("source"), asked.whole("after"))
        case "import_uidls":
            return await admin.import_uidls(asked.only("device", "pairs").text("device"), asked.pairs())
        case "explain":
            return await admin.explain(asked.only("device", "what").text("device"), asked.text("what"), progress)
        case "account_accept":
            return await admin.account_accept(asked.only("account").text("account"))
        case "account_retry":
            return await admin.account_retry(asked.only("account").text("account"))
        case "account_forget":
            return await admin.account_forget(asked.only("account").text("account"))
        case "account_may_sign_in":
            return await admin.account_may_sign_in(asked.only("account").text("account"))
        case "account_signed_in":
            return await admin.account_signed_in(asked.only("account", "tokens").text("account"), asked.tokens())
        case "account_probe":
            return await admin.account_probe(asked.only("account").text("account"), progress)
        case "resume":
            asked.only()
            return await admin.resume()
        case "backup":
            asked.only()
            return await admin.backup(progress)
        case _:
            assert_never(known)


def _known(command: str) -> AdminCommand:
    for each in get_args(AdminCommand):
        if each == command:
            found: AdminCommand = each
            return found
    raise UnknownCommand(f"this popbridge does not know the command {command}: is it older than the command line?")


class _Asked:
    """The arguments of a request, each checked when it is taken."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._given = arguments

    def only(self, *names: str) -> "_Asked":
        """Refuse arguments of other names: a newer command line may mean something that is not done here."""
        for name in self._given:
            if name not in names:
                raise WrongRequest(f"this popbridge does not know the argument {name}")
        return self

    def text(self, name: str) -> str:
        """Give a text that is not empty."""
        found = self._given.get(name)
        # A shell's octets that are no UTF-8 come as lone surrogates.
        if not isinstance(found, str) or any(char == "\0" or "\ud800" <= char <= "\udfff" for char in found):
            raise WrongRequest(f"{name} must be a text, in UTF-8 and without NUL")
        if not found.strip() or len(found) > LONGEST_TEXT:
            raise WrongRequest(f"{name} must have from 1 to {LONGEST_TEXT} characters")
        return found

    def sessions(self) -> int:
        """Give how many sessions are meant."""
        found = self._given.get("sessions", 1)
        if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= MOST_SESSIONS:
            raise WrongRequest(f"sessions must be a number from 1 to {MOST_SESSIONS}")
        return int(found)

    def whole(self, name: str) -> int:
        """Give a whole number, 0 where there is none."""
        found = self._given.get(name, 0)
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**63:
            raise WrongRequest(f"{name} must be a whole number")
        return int(found)

    def pairs(self) -> list[tuple[EntrySeq, Uidl]]:
        """Give entries and their unique-ids."""
        found = self._given.get("pairs")
        if not isinstance(found, list) or not all(map(_is_pair, found)):
            raise WrongRequest("pairs must be a list of entries with unique-ids")
        return [(EntrySeq(seq), Uidl(uidl)) for seq, uidl in found]

    def tokens(self) -> Tokens:
        """Give tokens, as they are kept."""
        found = self._given.get("tokens")
        if not isinstance(found, str) or len(found) > LONGEST_TOKENS:
            raise WrongRequest("tokens must be a text as they are kept")
        try:
            return Tokens.parse(Secret(found))
        except ValueError as wrong:
            raise WrongRequest(f"tokens must be a text as they are kept: {wrong}") from None

    def age(self) -> float | None:
        """Give an age in seconds, or None for all."""
        found = self._given.get("since")
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= LONGEST_AGE:
            raise WrongRequest("since must be an age in seconds")
        return float(found)


def _is_pair(found: object) -> bool:
    return isinstance(found, list) and [type(one) for one in found] == [int, str] and 0 <= found[0] < 2**63
