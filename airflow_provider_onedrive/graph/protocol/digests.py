"""Digests of texts: names of files and keys that are safe, equal for equal texts, and show nothing of a secret."""

from __future__ import annotations

import hashlib

MAX_CHARACTERS = 64


def digest(text: str, characters: int = MAX_CHARACTERS) -> str:
    """Return the first hexadecimal digits of a text's SHA-256.

    :param characters: four bits each; 32 make collisions impossible in practice, 8 only improbable.
    """
    # Names of local files may hold bytes that are not UTF-8, which Python shows as surrogates.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:characters]
