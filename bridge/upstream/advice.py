"""What to do when a server takes no password: by what it said, and by what is known of the provider."""

import re
from collections.abc import Iterator

from bridge.model.passthrough import is_passed
from bridge.model.presets import Preset, preset_for
from bridge.model.settings import AccountSettings

# Each as servers say it, or said it; they are told in docs/providers.md's sources. Gmail: `Application-specific
# password required: https://support.google.com/…`.
_APP_PASSWORD = re.compile(r"app(?:lication)?[- ](?:specific )?password", re.IGNORECASE)
# Exchange Online: `Basic authentication is disabled.`, and BasicAuthBlocked among its error codes.
_OAUTH_ONLY = re.compile(
    r"basic ?auth(?:entication)?[a-z ]* ?(?:blocked|disabled|not (?:supported|allowed))", re.IGNORECASE
)
# Gmail: `Please log in via your web browser`, `Web login required.`; Outlook: `Account is blocked. Login to your
# account via a web browser`.
_BROWSER = re.compile(
    r"web browser|web login|verify your identity|account is (?:blocked|locked)|suspended", re.IGNORECASE
)
# Gmail: `Your account is not enabled for IMAP use`; Zoho: `You are yet to enable IMAP for your account`.
_SWITCHED_OFF = re.compile(
    r"enabled? (?:for )?imap|imap (?:access |use )?(?:is )?(?:disabled|not (?:enabled|allowed))", re.IGNORECASE
)
_CREDENTIALS = re.compile(
    r"(?:invalid|wrong|incorrect|bad) (?:credentials|(?:user ?name|user|login)?[a-z ]*password)", re.IGNORECASE
)


def about_the_password(text: str) -> bool:
    """Tell whether a server's words say that user and password are wrong, where its code does not: another try with the
    same ones is of no use, and may count against their owner.
    """
    return any(words.search(text) for words in (_APP_PASSWORD, _OAUTH_ONLY, _CREDENTIALS))


def what_to_do(settings: AccountSettings, text: str) -> str:
    """Give what may mend that a password is not taken, as the end of a sentence; empty when nothing is known."""
    preset = preset_for(settings.provider, settings.host)
    return "; ".join(_steps(settings, preset, text))


def about_a_token(settings: AccountSettings) -> str:
    """Give what may mend that a good token is not taken, as the end of a sentence; empty when nothing is known."""
    preset = preset_for(settings.provider, settings.host)
    if preset is None:
        return ""
    whose = f"see that {settings.user} is whose mailbox was signed in to"
    return "; ".join(filter(None, (whose, _switch(preset))))


def _steps(settings: AccountSettings, preset: Preset | None, text: str) -> Iterator[str]:
    who = preset.title if preset is not None else "this server"
    if _OAUTH_ONLY.search(text) or (preset is not None and not preset.takes_passwords):
        yield f"{who} takes no passwords, only OAuth: {_oauth(settings)}"
        return
    if _BROWSER.search(text):
        yield f"sign in to {who} once with a web browser, and see what it wants there"
        return
    if _SWITCHED_OFF.search(text):
        yield _switch(preset) or f"IMAP is to be switched on in the settings of {who}"
        return
    if preset is None:
        if _APP_PASSWORD.search(text):
            yield "it wants an app password, made in the settings of the account at its provider"
        return
    yield from _usual(settings, preset, text)


def _oauth(settings: AccountSettings) -> str:
    if is_passed(settings.id):
        return "what a device gives cannot pass through; write an [account.NAME] with oauth, and a [device.NAME]"
    return f"give oauth and run `popbridge login {settings.name}`"


def _usual(settings: AccountSettings, preset: Preset, text: str) -> Iterator[str]:
    """What mostly is wrong at this provider."""
    if "password" not in preset.ways or _APP_PASSWORD.search(text):
        yield f"{preset.title} wants an app password: {preset.wants}"
    elif preset.wants:
        yield preset.wants
    if preset.user == "local part" and "@" in settings.user:
        yield f"the user is mostly to be without the domain: {settings.user.partition('@')[0]}"
    if preset.user == "address" and "@" not in settings.user:
        yield "the user is to be the whole address"
    if not _APP_PASSWORD.search(text) and (switch := _switch(preset)):
        yield switch


def _switch(preset: Preset | None) -> str:
    return f"IMAP is to be switched on {preset.switch}" if preset is not None and preset.switch else ""
