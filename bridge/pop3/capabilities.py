"""What CAPA and the bare AUTH tell (RFC 2449): nothing that is not so."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """What this connection offers now. `expire` is EXPIRE's argument, in days or NEVER; None leaves it out."""

    tls: bool
    passwords: bool
    expire: str | None = "NEVER"
    implementation: str = "popbridge"

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms on offer."""
        return ("PLAIN",) if self.passwords else ()


def capability_lines(features: Features) -> list[str]:
    """Give the lines of a CAPA answer."""
    lines = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
    if features.passwords:
        lines += ["USER", "SASL " + " ".join(features.mechanisms)]
    if features.tls:
        lines.append("STLS")
    if features.expire is not None:
        lines.append(f"EXPIRE {features.expire}")
    return [*lines, f"IMPLEMENTATION {features.implementation}"]
