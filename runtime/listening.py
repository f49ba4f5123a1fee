"""Interfaces that a server listens on, and whether an operator's dashboard may."""

import ipaddress
import socket

#: Flags of the dashboard's page.
OPERATOR, ANYWHERE = "--operator", "--operator-anywhere"


def problem(address: str, for_operator: bool) -> str | None:
    """Return why a dashboard can't listen on an address; None if it can.

    Parameters
    ----------
    address
        A name or an address; an empty one means all interfaces.
    for_operator
        Whether the dashboard lets everyone who can connect write.
    """
    try:
        found = socket.getaddrinfo(address or "0.0.0.0", 0, type=socket.SOCK_STREAM)  # noqa: S104 - only looked up
    except (OSError, UnicodeError):
        return "this is neither an address of this machine nor a name of one"
    if for_operator and not all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found):
        return (
            "everyone who can connect to an operator's dashboard can use its buttons, because it has no login; "
            f"listen on this machine only, or insist with {ANYWHERE}"
        )
    return _unbound(found[0])


def _unbound(found: tuple[socket.AddressFamily, socket.SocketKind, int, str, object]) -> str | None:
    family, kind, protocol, _, name = found
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(name)  # type: ignore[arg-type]
    except OSError as error:
        return f"this machine can't listen there ({error.strerror or error})"
    return None
