"""MQTT 5 as bytes: whatever the pieces are that they come in, and whatever they are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import LinkError
from ingest import mqtt, mqtt_packets
from ingest.mqtt import Other, Published, Reader
from ingest.mqtt_packets import Message

TOPICS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
MESSAGES = st.builds(
    Message, topic=TOPICS, payload=st.binary(max_size=300), qos=st.integers(0, 1), retain=st.booleans()
)


def in_pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    return [wire[a:b] for a, b in itertools.pairwise(edges)]


@given(said=st.lists(MESSAGES, max_size=12), cuts=st.lists(st.integers(0, 5000), max_size=30))
def test_messages_come_out_as_they_went_in_whatever_the_pieces(said: list[Message], cuts: list[int]) -> None:
    wire = b"".join(mqtt_packets.publish(one, number) for number, one in enumerate(said, start=1))
    reader = Reader()
    got = [packet for piece in in_pieces(wire, cuts) for packet in reader.feed(piece)]
    assert got == [
        Published(one.topic, one.payload, one.qos, one.retain, number if one.qos else 0, "", len(one.payload))
        for number, one in enumerate(said, start=1)
    ]


@settings(max_examples=300)
@given(wire=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_give_packets_or_a_link_error(wire: bytes, cuts: list[int]) -> None:
    reader = Reader(largest=64)
    try:
        for piece in in_pieces(wire, cuts):
            for packet in reader.feed(piece):
                if isinstance(packet, Other) and packet.type == mqtt.SUBACK:
                    mqtt.suback(packet)
    except LinkError:
        pass


def test_the_content_type_is_read_among_other_properties() -> None:
    properties = (
        b"\x01\x01"  # payload format indicator
        b"\x02\x00\x00\x00\x09"  # message expiry interval
        b"\x26\x00\x01a\x00\x01b"  # user property
        b"\x0b\x81\x01"  # subscription identifier
        b"\x03\x00\x10application/json"
        b"\x09\x00\x02xy"  # correlation data
    )
    body = b"\x00\x01t\x00\x07" + bytes([len(properties)]) + properties + b"{}"
    (packet,) = Reader().feed(bytes([0x32, len(body)]) + body)
    assert packet == Published("t", b"{}", 1, False, 7, "application/json", 2)


def test_of_a_packet_beyond_all_bounds_the_beginning_is_kept_and_what_follows_is_read() -> None:
    wire = mqtt_packets.publish(Message("t", bytes(5000), 1), 1) + mqtt_packets.publish(Message("t", b"next", 1), 2)
    for step in (1, 7, 1000, 10_000):
        reader = Reader(largest=100)
        got = [packet for at in range(0, len(wire), step) for packet in reader.feed(wire[at : at + step])]
        long, after = got
        assert isinstance(long, Published)
        assert (len(long.payload), long.size, long.packet_id) == (100 - 6, 5000, 1)
        assert isinstance(after, Published)
        assert after.payload == b"next"


@pytest.mark.parametrize(
    "wire",
    [
        bytes([0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1]),  # a length without end
        bytes([0x32, 3, 0, 9, 0]),  # a topic longer than its packet
        bytes([0x30, 4, 0, 1, 0x61, 9]),  # properties longer than their packet
        bytes([0x30, 6, 0, 1, 0x61, 2, 0x7F, 0]),  # a property that there is not
        bytes([0x30, 2, 0]) + bytes(1),  # no properties at all
    ],
)
def test_what_is_no_mqtt_5_is_a_link_error(wire: bytes) -> None:
    with pytest.raises(LinkError):
        Reader().feed(wire)


def test_a_topic_that_is_no_text_can_be_read_all_the_same() -> None:
    (packet,) = Reader().feed(bytes([0x30, 5, 0, 2, 0x61, 0xFF, 0]))
    assert isinstance(packet, Published)
    assert packet.topic == "a\\xff"


def test_the_will_and_the_password_are_in_the_connect_packet() -> None:
    packet = mqtt_packets.connect(
        "me",
        clean_start=True,
        keepalive_s=15,
        session_expiry_s=0,
        receive_maximum=77,
        username="ann",
        password="",
        will=Message("state", b"off", 1, retain=True),
    )
    assert packet[2:9] == b"\x00\x04MQTT\x05"
    assert packet[9] == 0b1110_1110  # user name, password, retained will at QoS 1, clean start (3.1.2)
    assert packet.endswith(b"\x00\x02me\x00\x00\x05state\x00\x03off\x00\x03ann\x00\x00")


def test_what_is_not_granted_as_wanted_is_refused() -> None:
    wanted = [("a", 1), ("b", 0), ("c", 1)]
    assert mqtt.refused((1, 0, 1), wanted) == ""
    assert mqtt.refused((1, 0, 0), wanted) == "'c': QoS 0"
    assert mqtt.refused((0x87, 0, 1), wanted) == "'a': not authorized (0x87)"
    assert mqtt.refused((1, 0), wanted) == "2 answers for 3 filters"
