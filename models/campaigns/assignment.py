"""Who is held out of a campaign: a keyed hash of the customer decides, so nobody chooses and everybody can check."""

import hmac
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from models.units import Bools, Ints

KEY_BYTES = 32
_BYTES = 8


class CampaignSplit(NamedTuple):
    """Who is held out among n customers; each of shape (n,), in the order in which the customers were given.

    Parameters
    ----------
    held_out
        Whether the customer is held out.
    number
        The customer's place in the order of the hashes, from 0: an order that says nothing about who it is.
    """

    held_out: Bools
    number: Ints


def assign(key: bytes, campaign: str, customers: Iterable[str], share: float) -> CampaignSplit:
    """Hold a share of the customers of a campaign out.

    A customer is held out if the first 8 bytes of HMAC-SHA256(key, campaign NUL customer), read as a fraction from 0 to
    1, are below the share. So the assignment depends on nothing but these four, is drawn anew for each campaign, and
    can be computed again. The number of held-out customers varies by chance around the share.

    Parameters
    ----------
    key
        The campaign's own random key, :data:`KEY_BYTES` bytes. Without it nobody can say who will be held out.
    share
        The share that is held out, from 0 to 1.
    """
    digests = (hmac.digest(key, f"{campaign}\0{customer}".encode(), "sha256") for customer in customers)
    drawn = np.fromiter((int.from_bytes(digest[:_BYTES], "big") for digest in digests), dtype=np.uint64)
    number = np.empty(len(drawn), dtype=np.int64)
    number[np.argsort(drawn, kind="stable")] = np.arange(len(drawn))
    return CampaignSplit(drawn < np.uint64(share * 2 ** (8 * _BYTES)), number)
