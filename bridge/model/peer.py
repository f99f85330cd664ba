"""Who is at the other end of a connection."""

from typing import NamedTuple


class Peer(NamedTuple):
    """The address a device connects from; `port` 0 where there is none."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
