"""Give every entry of a Java keystore (JKS) of certificates the date 1970-01-01: `keystore_dates.py FILE`.

The package writes the keystore while it is installed, each entry with the time of day, so no two builds agree. The
add-ons jvm and mobile both install the package, and compose only where the keystore is the same to the byte.
"""

import hashlib
import struct
import sys
from pathlib import Path

MAGIC = 0xFEEDFEED
CERTIFICATE = 2
DIGEST_BYTES = 20
# What the digest begins with: the usual password, and a constant of the format. Source: JDK, JavaKeyStore.java.
PREFIX = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"


def without_dates(store: bytes) -> bytes:
    """The keystore with its dates zeroed and its digest made anew."""
    body = bytearray(store[:-DIGEST_BYTES])
    magic, _version, count = struct.unpack_from(">III", body)
    if magic != MAGIC or store[-DIGEST_BYTES:] != digest(body):
        raise SystemExit("keystore_dates: not a JKS keystore with the usual password")
    place = 12
    for _ in range(count):
        if struct.unpack_from(">I", body, place) != (CERTIFICATE,):
            raise SystemExit("keystore_dates: an entry is not a certificate")
        place += 4
        place += 2 + struct.unpack_from(">H", body, place)[0]  # alias
        struct.pack_into(">Q", body, place, 0)
        place += 8
        place += 2 + struct.unpack_from(">H", body, place)[0]  # type of certificate
        place += 4 + struct.unpack_from(">I", body, place)[0]
    if place != len(body):
        raise SystemExit("keystore_dates: bytes are left over")
    return bytes(body) + digest(body)


def digest(body: bytes | bytearray) -> bytes:
    """The digest that ends a keystore."""
    return hashlib.sha1(PREFIX + body, usedforsecurity=False).digest()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_bytes(without_dates(path.read_bytes()))
