"""What an owner's commands do: the same code while popbridge runs and while it does not."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import trio

from bridge.model.admin import ResetDone, Undone
from bridge.model.failures import BridgeError, MaildropInUse, NoKey
from bridge.model.names import EntrySeq, Uidl
from bridge.model.oauth import Tokens
from bridge.model.passthrough import is_passed, passed_logins, read_login
from bridge.model.settings import DeviceSettings, Settings
from bridge.serve.explaining import Explaining, Find
from bridge.serve.importing import Importing
from bridge.serve.known import KnownAccount, KnownDevice, find_account, find_device
from bridge.serve.live import Live, Returned
from bridge.serve.probe import probe_account
from bridge.serve.progress import Progress, watched
from bridge.serve.returns import Returns
from bridge.serve.tokens import token_source
from bridge.store import Store, handover

Facts = dict[str, Any]
"""What a command did, ready for JSON. Times are Unix seconds; names are those of the configuration."""


class NotNow(BridgeError):
    """What was asked for cannot be done as things are; the sentence says what to do first."""


class Running(NamedTuple):
    """What a running popbridge adds."""

    live: Live
    returns: Returns


class Administration:
    """Carries out an owner's commands on an open store. With `running` None no popbridge runs, and the store's lock is
    the caller's; `find` then looks for messages upstream.

    Every method gives facts once they are committed. It raises `WrongRequest` for names that there are not, `NotNow`,
    or `StoreError`; then nothing was changed.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        running: Running | None = None,
        now: Callable[[], float] = time.time,
        *,
        find: Find | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._running = running
        self._now = now
        self._find = running.live.find if running else find

    # --- devices

    async def device_show(self, name: str) -> Facts:
        """Give what is configured and remembered of a device."""
        device = await self._device(name)
        remembered = await self._store.show_device(device.id)
        accounts: dict[str, str] = {one.id: one.name for one in self._settings.accounts.values()}
        shown = [{**one, "account": accounts.get(one["account"], one["account"])} for one in remembered["shown"]]
        return {
            **self._about(device),
            "in_session": self._running.live.in_session(device.id) if self._running else False,
            **{key: value for key, value in remembered.items() if key != "name"},
            "shown": shown,
        }

    async def device_undo(self, name: str, sessions: int, progress: Progress) -> Facts:
        """Undo the last sessions that hid something: call off, show again, move back what was moved away.

        Where nothing runs, what is to be moved back waits in the store for a popbridge that does.
        """
        device = await self._device(name)
        if self._running is None:
            return await self._undone(device, await self._store.undo(device.id, sessions, self._now()), [])
        async with self._running.returns.quiet(progress):
            async with self._changing(device):
                undone = await self._store.undo(device.id, sessions, self._now())
            returned = await self._running.returns.bring_back(undone.back, progress)
        return await self._undone(device, undone, returned)

    async def _undone(self, device: KnownDevice, undone: Undone, returned: list[Returned]) -> Facts:
        settled = {one.settled: [each for each in returned if each.settled == one.settled] for one in returned}
        failed = [*settled.get("gone", ()), *settled.get("refused", ())]
        uidls = await self._uidls(device, [one.what.seq for one in failed])
        lost = [{"uidl": one.uidl, "action": one.action, "note": one.note} for one in undone.lost]
        lost += [{"uidl": uidls[one.what.seq], "action": "move", "note": one.note} for one in failed]
        back = len(settled.get("back", ()))
        return {
            "device": device.name,
            "sessions": undone.sessions,
            "cancelled": undone.cancelled,
            "shown_again": len(undone.unhidden),
            "brought_back": back,
            "to_bring_back": len(undone.back) - back - len(failed),
            "problem": next((one.note for one in settled.get("later", ())), ""),
            "lost": lost,
        }

    async def _uidls(self, device: KnownDevice, seqs: list[EntrySeq]) -> dict[EntrySeq, str]:
        if not seqs:
            return {}
        entries = await self._store.explain_entries(device.id, seqs)
        return {seq: entry["alias"] or entry["uidl"] for seq, entry in zip(seqs, entries, strict=True)}

    async def device_confirm(self, name: str) -> Facts:
        """Let the deletions be carried out upstream that the guard against mass deletion held."""
        device = await self._device(name)
        due = self._due()
        confirmed = await self._store.confirm(device.id, due)
        await self._store.evaluate_votes(list(self._settings.devices), due)
        self._released()
        voting = (await self._store.show_device(device.id))["intents"].get("voting", 0)
        return {"device": device.name, "confirmed": confirmed, "voting": voting, "due": due}

    async def device_reset(self, name: str, since: float | None) -> Facts:
        """Show a device everything again, or what is younger than `since` seconds."""
        device = await self._device(name)
        if device.settings is None:
            raise NotNow(f"device {device.name} is not in the configuration, so there is nothing to show it")
        async with self._changing(device):
            done = await self._store.reset(device.id, None if since is None else self._now() - since)
        return {"device": device.name, **_reset(done, device.settings)}

    async def device_forget(self, name: str) -> Facts:
        """Forget what a device was shown and did; what it was promised is done all the same."""
        device = await self._device(name)
        async with self._changing(device):
            done = await self._store.forget(device.id)
            await self._forget_passed(device)
        released = await self._store.evaluate_votes(list(self._settings.devices), self._due())
        self._released()
        return {
            "device": device.name,
            "configured": device.settings is not None,
            "passed": read_login(device.id, self._settings.passthrough) is not None,
            "announced": done.announced,
            "hidden": done.hidden,
            "votes": done.votes,
            "promised": done.promised,
            "released": released,
        }

    async def _forget_passed(self, device: KnownDevice) -> None:
        """Of the last device of an account that logins pass through to, the password is remembered no longer."""
        login = read_login(device.id, self._settings.passthrough)
        if login is None:
            return
        left = passed_logins(self._settings, (await self._store.remembered()).devices)
        if not any(one.account == login.account for one in left):
            await self._store.forget_secret("remembered", login.account)
        if self._running is not None:
            self._running.live.forget_device(device.id)

    async def explain(self, name: str, what: str, progress: Progress) -> Facts:
        """Tell what became of a message for a device, by the unique-id it has there or by its Message-ID."""
        device = await self._device(name)
        explaining = Explaining(self._store, self._settings, self._find, progress)
        return {**self._about(device), **await explaining.explain(device, what)}

    async def import_catalogue(self, name: str, source: int, after: int) -> Facts:
        """Give the messages of one of a device's sources, by pages, for unique-ids to be paired with."""
        device = await self._device(name)
        return await Importing(self._store, self._settings).catalogue(device, source, after)

    async def import_uidls(self, name: str, pairs: Sequence[tuple[EntrySeq, Uidl]]) -> Facts:
        """Have a device know messages by the unique-ids that its former server gave them."""
        device = await self._device(name)
        async with self._changing(device):
            return await Importing(self._store, self._settings).save(device, pairs)

    # --- accounts

    async def account_accept(self, name: str) -> Facts:
        """Believe that what is missing from an account's mailboxes is gone."""
        account = await self._account(name)
        mailboxes = await self._store.accept_suspicions(account.id, self._now())
        if self._running is not None and account.settings is not None:
            await self._running.live.look(account.id)
        return {"account": account.name, "mailboxes": [key.mailbox for key in mailboxes]}

    async def account_retry(self, name: str) -> Facts:
        """Have an account's password tried again that its server refused: at once, or when popbridge runs."""
        account = await self._account(name)
        if account.settings is None:
            raise NotNow(f"account {account.name} is not in the configuration, so there is no password to try")
        if self._running is not None:
            self._running.live.retry(account.id)
        await self._store.forget_refusal(account.id)
        return {"account": account.name}

    async def account_may_sign_in(self, name: str) -> Facts:
        """See, before anybody takes the trouble, that what they sign in for can be kept and used. Changes nothing.

        Raises `NotNow`, or `NoKey` without a key.
        """
        account = await self._by_token(name)
        if not self._store.keeps_secrets:
            raise NoKey("popbridge has no key to keep tokens with: give one in [server], and reload it if it runs")
        return {"account": account.name}

    async def account_signed_in(self, name: str, tokens: Tokens) -> Facts:
        """Keep the tokens that somebody signed in for, sealed, and have them used. Raises `NoKey` without a key."""
        account = await self._by_token(name)
        keeper = self._running.live.tokens(account.id) if self._running is not None else None
        if keeper is not None:
            await keeper.sign_in(tokens)
        else:
            await self._store.save_secret("oauth", account.id, tokens.text())
        if self._running is not None:
            self._running.live.signed_in(account.id)
        return {"account": account.name}

    async def account_probe(self, name: str, progress: Progress) -> Facts:
        """Sign in to an account as it is configured, over a connection of its own, and tell what was found."""
        account = await self._account(name)
        if account.settings is None:
            raise NotNow(f"account {account.name} is not in the configuration that popbridge has: reload it first")
        timeout = self._settings.server.upstream_timeout
        if self._running is not None:
            tokens = self._running.live.tokens(account.id)
        else:
            tokens = token_source(account.settings, timeout, self._store, self._now)
        probe = partial(probe_account, account.settings, self._settings, tokens)
        return await watched(probe, progress, f"signing in to account {account.name}")

    async def account_forget(self, name: str) -> Facts:
        """Take the messages of an account for gone that is not in the configuration any more."""
        account = await self._account(name)
        if is_passed(account.id):
            return await self._forget_passed_account(account)
        if account.settings is not None:
            raise NotNow(
                f"account {account.name} is in the configuration that popbridge has: take it out first, with the"
                " sources that name it, and reload popbridge if it runs"
            )
        forgotten = await self._store.forget_account(account.id)
        return {"account": account.name, **forgotten._asdict()}

    async def _forget_passed_account(self, account: KnownAccount) -> Facts:
        """Let an account go that logins pass through to: its next login makes it anew."""
        devices = [one for one in self._settings.devices.values() if one.sources[0].account == account.id]
        async with AsyncExitStack() as changing:
            for device in devices:
                await changing.enter_async_context(self._changing(KnownDevice(device.id, device.name, device)))
            if self._running is not None:
                self._running.live.forget_account(account.id)
            forgotten = await self._store.forget_account(account.id)
        return {"account": account.name, **forgotten._asdict()}

    # --- the whole

    async def resume(self) -> Facts:
        """Let what was promised be carried out again after a backup was restored."""
        restored = self._store.restored
        released = await self._store.resume()
        self._released()
        return {"restored": restored, "released": released}

    async def backup(self, progress: Progress) -> Facts:
        """Leave a consistent copy of the database in the state directory, for the command to take over."""
        copy = handover(self._settings.server.state_dir)
        await watched(partial(self._store.backup, copy), progress, "writing the copy")
        return {"file": str(copy)}

    # --- what they share

    async def _device(self, name: str) -> KnownDevice:
        return find_device(name, self._settings, (await self._store.remembered()).devices)

    async def _account(self, name: str) -> KnownAccount:
        return find_account(name, self._settings, (await self._store.remembered()).accounts)

    async def _by_token(self, name: str) -> KnownAccount:
        account = await self._account(name)
        if account.settings is None or account.settings.oauth is None:
            raise NotNow(
                f"account {account.name} does not sign in by token in the configuration that popbridge has: give it"
                " `oauth`, and reload popbridge if it runs"
            )
        return account

    def _about(self, device: KnownDevice) -> Mapping[str, Any]:
        one = device.settings
        return {
            "device": device.name,
            "id": device.id,
            "configured": one is not None,
            "login": one.login if one else None,
            "sources": [f"{self._settings.accounts[s.account].name}/{s.mailbox}" for s in one.sources] if one else [],
        }

    def _due(self) -> float:
        return self._now() + self._settings.server.undo_window

    @asynccontextmanager
    async def _changing(self, device: KnownDevice) -> AsyncIterator[None]:
        """Keep the device out for the block. What is in memory of it goes then, also when the block was cut short."""
        if self._running is None:
            yield
            return
        try:
            async with self._running.live.hold(device.id):
                try:
                    yield
                finally:
                    with trio.CancelScope(shield=True):
                        await self._running.live.reload_device(device.id)
        except MaildropInUse:
            raise NotNow(f"device {device.name} is in a session just now: try again when that has ended") from None

    def _released(self) -> None:
        if self._running is not None:
            self._running.live.released()


def _reset(done: ResetDone, device: DeviceSettings) -> Facts:
    """What its `search` or `window` had hidden is shown again only if they let it pass now."""
    rules = {"search": bool(device.search), "window": device.window.kind != "all"}
    doubtful = sum(messages for rule, messages in done.ruled.items() if rules[rule])
    return {
        "shown_again": done.shown - doubtful,
        "up_to_rules": doubtful,
        "hidden": done.hidden,
        "cancelled": done.cancelled,
    }
