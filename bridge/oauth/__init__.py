"""OAuth 2.0: tokens for accounts that are signed in to without a password."""

from bridge.oauth.answers import Granted
from bridge.oauth.device import DeviceCode
from bridge.oauth.endpoint import TokenEndpoint
from bridge.oauth.keeper import Keeper, TokenState
from bridge.oauth.signing_in import Person, Return, sign_in

__all__ = ["DeviceCode", "Granted", "Keeper", "Person", "Return", "TokenEndpoint", "TokenState", "sign_in"]
