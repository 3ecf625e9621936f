"""Which internet addresses are public: what a server may be asked to fetch from."""

import ipaddress

_RESERVED = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # Teredo among them, which carries an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which carries an IPv4 address
        "3fff::/20",
    )
)
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
"""All that was ever given out; IPv4-mapped, NAT64, local and multicast addresses lie outside."""


def is_public(address: str) -> bool:
    """
    Whether an address is one of the open internet's; False also for what is no address.

    Source: the IANA special-purpose address registries. `ipaddress.is_global` is not used: in Python 3.11 it calls
    NAT64 and 6to4 forms of private addresses global.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if parsed.version == 6 and parsed not in _GLOBAL_V6:
        return False
    return not any(parsed in block for block in _RESERVED if block.version == parsed.version)
