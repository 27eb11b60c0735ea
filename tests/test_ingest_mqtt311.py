"""MQTT 3.1.1 as bytes: what differs from MQTT 5, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_ingest_mqtt import MESSAGES, in_pieces

from contract import LinkError
from ingest import mqtt, mqtt311, mqtt_packets
from ingest.mqtt import Other, Published
from ingest.mqtt_packets import Message


@given(said=st.lists(MESSAGES, max_size=12), cuts=st.lists(st.integers(0, 5000), max_size=30))
def test_messages_come_out_as_they_went_in_whatever_the_pieces(said: list[Message], cuts: list[int]) -> None:
    wire = b"".join(mqtt_packets.publish(one, number, mqtt_packets.V311) for number, one in enumerate(said, start=1))
    reader = mqtt311.Reader()
    got = [packet for piece in in_pieces(wire, cuts) for packet in reader.feed(piece)]
    assert got == [
        Published(one.topic, one.payload, one.qos, one.retain, number if one.qos else 0, "", len(one.payload))
        for number, one in enumerate(said, start=1)
    ]


@given(wire=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_any_bytes_give_packets_or_a_link_error(wire: bytes, cuts: list[int]) -> None:
    reader = mqtt311.Reader(largest=64)
    try:
        for piece in in_pieces(wire, cuts):
            for packet in reader.feed(piece):
                if isinstance(packet, Other) and packet.type == mqtt.CONNACK:
                    mqtt311.connack(packet)
    except LinkError:
        pass


def test_a_publish_that_ends_too_early_is_an_error() -> None:
    with pytest.raises(LinkError, match="too early"):
        mqtt311.Reader().feed(b"\x32\x03\x00\x01t")


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
        version=mqtt_packets.V311,
    )
    flags = 0b1110_1110  # user name, password, retained will at QoS 1, clean session (3.1.2)
    assert packet[2:12] == b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x0f"
    assert packet[12:] == b"\x00\x02me\x00\x05state\x00\x03off\x00\x03ann\x00\x00"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\x00\x00", (0, False)),
        (b"\x01\x00", (0, True)),
        (b"\x00\x04", (0x86, False)),
        (b"\x00\x05", (0x87, False)),
        (b"\x00\x09", (0x80, False)),
    ],
)
def test_return_codes_are_said_in_the_words_of_mqtt_5(body: bytes, said: tuple[int, bool]) -> None:
    assert mqtt311.connack(Other(mqtt.CONNACK, 0, body)) == said


def test_another_answer_is_none() -> None:
    for packet in (Other(mqtt.CONNACK, 0, b"\x00\x00\x00"), Other(mqtt.SUBACK, 0, b"\x00\x01")):
        with pytest.raises(LinkError):
            mqtt311.connack(packet)


def test_subscribe_and_its_answer() -> None:
    assert (
        mqtt_packets.subscribe(7, [("a/#", 1), ("b", 0)], mqtt_packets.V311)
        == b"\x82\x0c\x00\x07\x00\x03a/#\x01\x00\x01b\x00"
    )
    assert mqtt311.suback(Other(mqtt.SUBACK, 0, b"\x00\x07\x01\x80")) == (1, 0x80)
