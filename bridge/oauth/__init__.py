"""OAuth 2.0: tokens for accounts that are signed in to without a password."""

from bridge.oauth.endpoint import TokenEndpoint
from bridge.oauth.keeper import Keeper, TokenState

__all__ = ["Keeper", "TokenEndpoint", "TokenState"]
