"""Keys of random number generators: a hash of everything that a generator depends on.

Seeds are never combined by arithmetic. With ``seed * 1_000_003 + step``, step 1,000,003 of one seed would draw the
random numbers of step 0 of the next one. Two different keys of 128 bits are equal with a chance of 3e-39.
"""

from __future__ import annotations

import hashlib


def random_key(*parts: object) -> bytes:
    """Return 128 bits of a BLAKE2 hash of the parts; their texts are joined by slashes.

    >>> random_key("copy", "seed=0", "train", 7).hex()[:8]
    '5ec60a5a'
    """
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).digest()


def generator_seed(purpose: str, *numbers: int) -> int:
    """Return the 64-bit seed of a generator of PyTorch for one purpose and for some numbers, such as seed and step.

    The CPU generator of PyTorch uses the lower 32 bits. CUDA generators use all of them. The key of a batch begins with
    the name of a card, which holds no ``=``, so no purpose has the key of a batch.

    Args:
        purpose: what the numbers are drawn for, such as ``dropout``.
        numbers: what the draw depends on, in a fixed order.

    >>> generator_seed("dropout", 1, 0, 0) == generator_seed("dropout", 0, 1_000_003, 0)
    False
    """
    return int.from_bytes(random_key(f"purpose={purpose}", *numbers)[:8], "little")
