"""Limits, each with where its value comes from."""

COMMAND_LINE = 255
"""Octets of a command line, CRLF included (RFC 2449 §4)."""

AUTH_LINE = 12288
"""Octets of a SASL response line (RFC 5034 §4 names 12288)."""

SKIPPED = 8192
"""Octets of one over-long line that are skipped before the connection is closed."""

BAD_BEFORE_LOGIN = 10
"""Consecutive bad commands before login: nothing that knows POP3 makes so many."""

BAD_AFTER_LOGIN = 20
"""The same after login, where Dovecot too stops at twenty."""

WRONG_PASSWORDS = 3
"""Wrong passwords on one connection."""

DIGITS = 10
"""Digits of a number: more than any message-number or line count needs."""
