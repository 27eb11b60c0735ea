"""The commands that bring back what is missing.

What it is: whom to ask for which messages: the arguments of the command ``resend``, for the gateways whose edge buffers
may still have them.
What it is not: sending, nor waiting for the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from contract import Address
from ingest.gaps import Missing
from ingest.ranges import texts

MAX_SEQS_CHARS: Final = 200
"""The longest text that an argument of a command may have (``contract.parts.Text``)."""


def resend_commands(missing: Iterable[Missing], gateways: Collection[Address]) -> list[tuple[Address, dict[str, str]]]:
    """The commands ``resend`` that ask for what is missing: the gateway, and the arguments.

    The gateway of a machine is the one of its line; who stands beside the lines (consumers, suppliers, the site's
    meter) belongs to the gateways of the site, and each of them is asked. What has no gateway is left out. One command
    names one stream, and as many ranges as the contract's texts hold.

    >>> gateway = Address("acme", "plant-1", "production", "line-1", "gateway")
    >>> lost = Missing(Address("acme", "plant-1", "market", "web", "consumers"), "00ff00ff", ((5, 9), (12, 12)))
    >>> resend_commands([lost], [gateway])[0][1]
    {'address': 'market/web/consumers', 'boot': '00ff00ff', 'seqs': '5-9,12'}
    """
    lines = {gateway.levels[:4]: gateway for gateway in gateways}
    sites: dict[tuple[str, ...], list[Address]] = {}
    for gateway in sorted(gateways):
        sites.setdefault(gateway.levels[:2], []).append(gateway)
    commands = []
    for one in missing:
        levels = one.address.levels
        own = lines.get(levels[:4])
        for gateway in [own] if own is not None else sites.get(levels[:2], []):
            named = {"address": "/".join(levels[2:]), "boot": one.boot}
            commands += [(gateway, {**named, "seqs": seqs}) for seqs in texts(one.ranges, MAX_SEQS_CHARS)]
    return commands
