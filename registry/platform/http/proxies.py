"""Whose request it is when proxies stand between: the address that a trusted proxy says, and nobody else."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
MOST_BYTES = 2_000
MOST_ADDRESSES = 20


def client_address(peer: str, forwarded: Sequence[bytes], trusted: Sequence[Network]) -> str:
    """The address of the client, from the peer of the connection and the `X-Forwarded-For` fields of the request.

    Each proxy adds the address that it was asked from at the end, so the list is read from there, as long as those
    who wrote it are trusted. What cannot be read as an address ends it, and so does a list longer than any real one.
    """
    asked_by = _address(peer)
    if asked_by is None or not _is_trusted(asked_by, trusted):
        return peer
    given = b",".join(forwarded)
    if not given or len(given) > MOST_BYTES or given.count(b",") >= MOST_ADDRESSES:
        return str(asked_by)
    for part in reversed(given.split(b",")):
        named = _address(part.decode("latin-1").strip())
        if named is None:
            break
        asked_by = named
        if not _is_trusted(named, trusted):
            break
    return str(asked_by)


def _address(text: str) -> Address | None:
    """An address, with a port or without; None for anything else."""
    if text.startswith("[") and "]" in text:
        text = text[1 : text.index("]")]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text) if "%" not in text else None
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address.version == _version(network) and address in network for network in trusted)


def _version(network: Network) -> int:
    return 6 if isinstance(network, IPv6Network) else 4
