"""Instants do nothing, unless a crash test wants them."""

from bridge.telemetry import instant, set_instant_hook


def test_a_hook_hears_every_instant_until_it_is_replaced() -> None:
    heard: list[str] = []
    instant("before")
    set_instant_hook(heard.append)
    instant("store.before_commit")
    instant("quit.committed")
    set_instant_hook(lambda name: None)
    instant("after")
    assert heard == ["store.before_commit", "quit.committed"]
