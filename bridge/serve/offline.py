"""Commands while no popbridge runs: the state is held for as long as one takes, so nothing else writes."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import outcome
import trio

from bridge.model.failures import StoreLocked, StoreUnavailable
from bridge.model.passthrough import passed_logins, with_passed
from bridge.model.settings import Settings
from bridge.serve.admin import Administration, Facts
from bridge.serve.progress import unwatched
from bridge.serve.requests import carry_out
from bridge.serve.searching import Searching
from bridge.store import Store, must_exist, open_store
from bridge.telemetry import configure

BEGINNING = frozenset({"account_may_sign_in", "account_signed_in"})
"""Commands that may come before popbridge ever ran."""


def administer_offline(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Facts:
    """Carry out one command on the database. Raises as `carry_out`, and `StoreLocked` when a popbridge holds it."""
    configure("console", "warning")  # to stderr: stdout is the command's
    return trio.run(_administer, settings, command, arguments)


async def _administer(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Facts:
    _may_be_begun(Path(settings.server.state_dir), command)
    try:
        async with open_store(settings.server.state_dir) as store:
            await store.use_keys(settings.server.token_keys)
            return await _carried_out(store, settings, command, arguments)
    except StoreLocked as failure:
        raise StoreLocked(
            f"{failure}, and none answers at {settings.server.control}: if it runs with another configuration, name"
            " that with --config; else end it first"
        ) from failure


def _may_be_begun(state_dir: Path, command: str) -> None:
    """See that there is a database. To sign in comes before all else, so that begins one, but for its owner alone."""
    if command not in BEGINNING:
        must_exist(state_dir)
    elif state_dir.exists() and state_dir.stat().st_uid != os.geteuid():
        try:
            must_exist(state_dir)
        except StoreUnavailable as failure:
            raise StoreUnavailable(f"{failure}, and {state_dir} is another user's: start popbridge first") from failure


async def _carried_out(store: Store, settings: Settings, command: str, arguments: Mapping[str, Any]) -> Facts:
    async with trio.open_nursery() as connections:
        known = with_passed(settings, passed_logins(settings, (await store.remembered()).devices))
        admin = Administration(store, known, find=Searching(known, connections, store).find)
        # Not raised in here: the nursery would put it into a group.
        ended = await outcome.acapture(partial(carry_out, admin, command, arguments, unwatched))
        connections.cancel_scope.cancel()
    found: Facts = ended.unwrap()
    return found
