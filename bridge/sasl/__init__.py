"""SASL mechanisms, both sides, without base64 or lines: those belong to the protocol that carries them."""

from bridge.sasl.bearer import BearerProblem, OAuthBearer, XOAuth2
from bridge.sasl.conversation import Conversation, Plain, ServerUnproven
from bridge.sasl.cram import CramMd5, cram_digest
from bridge.sasl.errors import SaslError
from bridge.sasl.plain import PlainCredentials, decode_plain, encode_plain
from bridge.sasl.scram_client import ScramClient

__all__ = [
    "BearerProblem",
    "Conversation",
    "CramMd5",
    "OAuthBearer",
    "Plain",
    "PlainCredentials",
    "SaslError",
    "ScramClient",
    "ServerUnproven",
    "XOAuth2",
    "cram_digest",
    "decode_plain",
    "encode_plain",
]
