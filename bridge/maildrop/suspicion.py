"""When so many messages of a mailbox are missing at once that it is looked at again before it is believed."""

ALWAYS_BELIEVED = 20
"""Messages that may go at once from a mailbox of any size, as long as some stay."""

SHARE = 10
"""One in so many may go at once from a large mailbox."""


def suspicious(missing: int, known: int) -> bool:
    """Tell whether `missing` of a mailbox's `known` messages are too many to be believed at the first look: more than
    20 and more than a tenth, or all of them.
    """
    return missing > 0 and (missing >= known or (missing > ALWAYS_BELIEVED and missing * SHARE > known))
