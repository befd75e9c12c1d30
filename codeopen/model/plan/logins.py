"""The variables that a project's services take their passwords from, and the hash that stands for one."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

HASHED: Final = frozenset({"ACP_GATEWAY"})
"""The credentials whose service takes a hash, so that agents, which run as the same user, never see the password."""

# The least that the gateway takes: a slow hash protects weak passwords, and these have 192 random bits.
_LOG2_N: Final = 10
_BLOCK: Final = 8
_SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 32


def password_variable(credential: str) -> str:
    """The variable that a service reads, as ``KASMVNC_PASSWORD`` or ``ACP_GATEWAY_PASSWORD_HASH``."""
    return f"{credential}_PASSWORD_HASH" if credential in HASHED else f"{credential}_PASSWORD"


def password_value(credential: str, password: str, owner: str) -> str:
    """What the variable holds. ``owner`` names stack and project: it is the salt, which must stay from run to run."""
    return password_hash(password, owner) if credential in HASHED else password


def password_hash(password: str, owner: str) -> str:
    """Scrypt in the PHC string format, as ``$scrypt$ln=10,r=8,p=1$<salt>$<digest>`` with both in base64, unpadded."""
    salt = hashlib.sha256(owner.encode()).digest()[:_SALT_BYTES]
    digest = hashlib.scrypt(password.encode(), salt=salt, n=1 << _LOG2_N, r=_BLOCK, p=1, dklen=_DIGEST_BYTES)
    return f"$scrypt$ln={_LOG2_N},r={_BLOCK},p=1${_base64(salt)}${_base64(digest)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
