"""SASLprep: one spelling for names and passwords that look the same (RFC 4013 §2)."""

import stringprep
import unicodedata

from bridge.sasl.errors import SaslError

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
"""RFC 4013 §2.3."""


def saslprep(text: str) -> str:
    """Give the text as SCRAM hashes it. Raises SaslError for what it cannot hold, such as control characters.

    Characters that Unicode 3.2 did not have are let pass, as in what is asked for, not stored (RFC 3454 §7).
    """
    if text.isascii() and text.isprintable():
        return text  # nothing in it can change
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(prohibits(char) for char in prepared for prohibits in _PROHIBITED):
        raise SaslError("SCRAM cannot carry a user or password with control characters in it.")
    _check_direction(prepared)
    return prepared


def _check_direction(text: str) -> None:
    """What is written from right to left is that from its first character to its last (RFC 3454 §6)."""
    if not any(map(stringprep.in_table_d1, text)):
        return
    if any(map(stringprep.in_table_d2, text)) or not all(map(stringprep.in_table_d1, (text[0], text[-1]))):
        raise SaslError("SCRAM cannot carry a user or password that is written in both directions.")
