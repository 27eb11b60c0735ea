"""Configuration: defaults, document, environment; everything unknown is refused with the nearest name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from console.config import TYPES
from contract import ConfigError
from service import Broker, Store, load, read_document, sample
from service.settings import SECTIONS, check_environment


class Things(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a test."""

    count: int = 3
    rate: float = 0.5
    on: bool = False
    names: list[str] = []


def test_the_environment_wins_over_the_document_and_the_document_over_defaults() -> None:
    document = {"things": {"count": 4, "rate": 1.5}}
    things = load("things", Things, document, {"QILU_THINGS_COUNT": "5", "QILU_THINGS_ON": "true", "HOME": "/"})
    assert things == Things(count=5, rate=1.5, on=True)
    assert load("things", Things, {}, {"QILU_THINGS_NAMES": '["a", "b,c"]'}).names == ["a", "b,c"]
    assert load("broker", Broker, {}, {"QILU_BROKER_USERNAME": '["a"]'}).username == '["a"]'  # a text stays a text
    assert load("things", Things, {"things": {"rate": 2}}, {}) == load("things", Things, {}, {"QILU_THINGS_RATE": "2"})


@pytest.mark.parametrize(
    ("document", "environ", "said"),
    [
        ({"things": {"cuont": 1}}, {}, "unknown key things.cuont; did you mean things.count?"),
        ({"things": {"zzz": 1}}, {}, "known are count, rate, on, names"),
        ({"things": {"count": "4"}}, {}, "[things]: Expected `int`, got `str`"),
        ({}, {"QILU_THINGS_CUONT": "1"}, "unknown variable QILU_THINGS_CUONT; did you mean QILU_THINGS_COUNT?"),
        ({}, {"QILU_THINGS_COUNT": "many"}, "QILU_THINGS_COUNT: Expected `int`"),
        ({}, {"QILU_THINGS_COUNT": ""}, "QILU_THINGS_COUNT: Expected `int`"),
        ({}, {"QILU_THINGS_NAMES": "[1]"}, "QILU_THINGS_NAMES: Expected `str`"),
        ({}, {"QILU_THINGS_NAMES": "[a"}, "QILU_THINGS_NAMES: Expected `array`"),
    ],
)
def test_what_is_refused(document: dict[str, dict[str, object]], environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("things", Things, document, environ)
    assert said in str(caught.value)


def test_a_variable_of_no_section_is_refused() -> None:
    check_environment({"QILU_THINGS_X": "1", "QILU_LIVE": "required", "QILU_CONFIG": "x", "PATH": ""}, ["things"])
    with pytest.raises(ConfigError, match="QILU_THING_COUNT"):
        check_environment({"QILU_THING_COUNT": "1"}, ["things"])


def test_documents_are_read_whole_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "qilu.toml"
    path.write_text("[things]\ncount = 7\n")
    assert read_document(str(path), ["things"]) == {"things": {"count": 7}}
    for text, said in (("[thing]\n", "did you mean things?"), ("things = 1\n", "must be a section"), ("[", "not TOML")):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            read_document(str(path), ["things"])
        assert said in str(caught.value)
        assert str(path) in str(caught.value)
    assert read_document("", ["things"]) == {}  # QILU_CONFIG may be set and empty
    with pytest.raises(ConfigError, match="cannot read"):
        read_document(str(tmp_path / "none.toml"), ["things"])


def test_the_sample_reads_back_to_the_same_settings(tmp_path: Path) -> None:
    settings = {"broker": Broker(url="mqtt://b:1"), "store": Store(), "things": Things(names=["a", 'b"c'])}
    path = tmp_path / "sample.toml"
    path.write_text(sample(settings))
    document = read_document(str(path), settings)
    for section, value in settings.items():
        assert load(section, type(value), document, {}) == value
    assert "# mqtt://HOST:PORT" in path.read_text()


def test_secrets_come_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret\n")
    assert Store(token_file=str(secret)).token() == "s3cret"
    assert Store().token() is None
    with pytest.raises(ConfigError, match="token_file"):
        Store(token_file=str(tmp_path / "none")).token()
    for text in ("", "\n", "s3cret\nanother\n"):
        secret.write_text(text)
        with pytest.raises(ConfigError, match=r"store\.token_file: .* is not one line of text") as caught:
            Store(token_file=str(secret)).token()
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "b:1883", "http://b", "mqtt://", "mqtt://b:99999", "mqtt://[::1"])
def test_a_broker_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="mqtt://HOST:PORT"):
        _ = Broker(url=url).port
    assert (Broker(url="mqtt://[::1]:7").host, Broker(url="mqtt://h").port) == ("::1", 1883)


def test_a_secret_in_the_broker_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match=r"broker\.password_file") as caught:
        _ = Broker(url="mqtt://ann:s3cret@b").host
    assert "s3cret" not in str(caught.value)


def test_every_section_has_its_settings() -> None:
    assert tuple(TYPES) == SECTIONS
