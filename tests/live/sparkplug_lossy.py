"""A link between an edge node and its broker that loses whole messages, as a broker with a full queue does.

What it is: a TCP proxy that leaves out the DDATA messages of the given numbers, and knows which they were.
What it is not: a damaged stream; ``tests/chaos/fault_proxy.py`` has those.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Collection, Iterator

from console.sparkplug_mqtt import Conversation, Publish
from contract.sparkplug import address_of, head_of, parse_topic
from contract.sparkplug_payload import decode_payload


class LossyLink:
    """A context manager; clients connect to ``port``.

    Attributes:
        dropped: address, boot and number of each message of the contract that was lost.
        rebirths: rebirth requests that came by.
    """

    def __init__(self, broker: int, drop: Collection[int]) -> None:
        self.dropped: set[tuple[str, str, int]] = set()
        self.rebirths = 0
        self._broker = broker
        self._drop = drop
        self._seen = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]

    def __enter__(self) -> LossyLink:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._broker))
                heard = Conversation()
                for one, other, side in ((near, far, "client"), (far, near, "broker")):
                    threading.Thread(target=self._pump, args=(one, other, side, heard), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket, side: str, heard: Conversation) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                rest += data
                for packet in list(_packets(rest)):
                    rest = rest[len(packet) :]
                    if not self._is_lost(side, packet, heard):
                        there.sendall(packet)
            there.shutdown(socket.SHUT_WR)

    def _is_lost(self, side: str, packet: bytes, heard: Conversation) -> bool:
        lost = False
        for one in heard.feed(side, packet):
            if not isinstance(one, Publish):
                continue
            where = parse_topic(one.topic)
            self.rebirths += where.type == "NCMD"
            if where.type == "DDATA":
                self._seen += 1
                lost = self._seen in self._drop
                if lost:
                    address = address_of(where.group, where.node, where.device, gateway="")
                    head = head_of(decode_payload(one.payload).metrics)
                    assert head.boot is not None
                    assert head.seq is not None
                    self.dropped.add((address.path, head.boot, head.seq))
        return lost


def _packets(data: bytes) -> Iterator[bytes]:
    """The MQTT packets that are whole."""
    at = 0
    while at + 2 <= len(data):
        length = shift = 0
        begin = at + 1
        while begin < len(data):
            length |= (data[begin] & 127) << shift
            begin, shift = begin + 1, shift + 7
            if data[begin - 1] < 128:
                break
        else:
            return
        if begin + length > len(data):
            return
        yield data[at : begin + length]
        at = begin + length
