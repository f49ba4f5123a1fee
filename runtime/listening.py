"""Interfaces that a server listens on, and which of them a dashboard without a login may."""

import ipaddress
import socket

#: Flags of the dashboard's page.
OPERATOR, ANONYMOUS = "--operator", "--allow-anonymous"


def problem(address: str, only_here: str | None) -> str | None:
    """Return why a server can't listen on an address; None if it can.

    Parameters
    ----------
    address
        A name or an address; an empty one means all interfaces.
    only_here
        Why only this machine may connect; None if others may.
    """
    try:
        found = socket.getaddrinfo(address or "0.0.0.0", 0, type=socket.SOCK_STREAM)  # noqa: S104 - only looked up
    except (OSError, UnicodeError):
        return "this is neither an address of this machine nor a name of one"
    if only_here and not all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found):
        return only_here
    return _unbound(found[0])


def why_only_here(login: bool, operator: bool, anonymous: bool) -> str | None:
    """Why only this machine may connect to a dashboard; None if others may.

    Parameters
    ----------
    login
        Whether it asks for a login.
    operator
        Whether it has buttons that write.
    anonymous
        Whether somebody insists that everyone may look.
    """
    if login:
        return None
    if operator:
        return (
            "everyone who can connect to an operator's dashboard without a login can use its buttons; "
            "set up a login (docs/security.md), or listen on this machine only"
        )
    if anonymous:
        return None
    return (
        "everyone who can connect to a dashboard without a login sees every customer; "
        f"set up a login (docs/security.md), listen on this machine only, or insist with {ANONYMOUS}"
    )


def _unbound(found: tuple[socket.AddressFamily, socket.SocketKind, int, str, object]) -> str | None:
    family, kind, protocol, _, name = found
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(name)  # type: ignore[arg-type]
    except OSError as error:
        return f"this machine can't listen there ({error.strerror or error})"
    return None
