"""SASL mechanisms, both sides, without base64 or lines: those belong to the protocol that carries them."""

from bridge.sasl.bearer import BearerProblem, OAuthBearer, XOAuth2
from bridge.sasl.conversation import Conversation, Plain, ServerUnproven
from bridge.sasl.cram import CramMd5, cram_digest
from bridge.sasl.errors import SaslError
from bridge.sasl.plain import PlainCredentials, decode_plain, encode_plain
from bridge.sasl.proofs import DigestProof, Proof, ScramProof, digest_proves, scram_signature, timestamp
from bridge.sasl.scram import ScramHash, ScramKeys, salted_password, scram_keys
from bridge.sasl.scram_client import ScramClient
from bridge.sasl.serving import SERVERS, Challenge, Done, Exchange, Password, SaltWanted, ScramServer, SignInAsOther

__all__ = [
    "SERVERS",
    "BearerProblem",
    "Challenge",
    "Conversation",
    "CramMd5",
    "DigestProof",
    "Done",
    "Exchange",
    "OAuthBearer",
    "Password",
    "Plain",
    "PlainCredentials",
    "Proof",
    "SaltWanted",
    "SaslError",
    "ScramClient",
    "ScramHash",
    "ScramKeys",
    "ScramProof",
    "ScramServer",
    "ServerUnproven",
    "SignInAsOther",
    "XOAuth2",
    "cram_digest",
    "decode_plain",
    "digest_proves",
    "encode_plain",
    "salted_password",
    "scram_keys",
    "scram_signature",
    "timestamp",
]
