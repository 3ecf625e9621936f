"""Names and addresses of machines: which are this one, and which a web page of somebody else may have made up."""

import ipaddress
from functools import lru_cache


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(256)  # asked at every request, nearly always about the same few
def is_made_up(header: str) -> bool:
    """
    Whether a request's `Host` may be a name that somebody's DNS points here.

    Such a page is of the same host to the browser, whatever address the name stands for from one moment to the next (DNS
    rebinding). Addresses cannot be pointed elsewhere, and names without a dot are of this machine or its network.
    """
    name = header.rpartition(":")[0] if header.rpartition(":")[2].isdigit() else header
    name = name.strip("[]").rstrip(".").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." in name and not name.endswith(".localhost")
    return False
