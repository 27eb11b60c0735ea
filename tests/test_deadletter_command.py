"""``qilu deadletter``: what is shown is harmless, what is replayed heals the figures, twice is as once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import duckdb
import pytest
import verify_plant
from hypothesis import given
from hypothesis import strategies as st
from ingest_plant import publish, until
from verify_plant import T0

from analytics.keeper import Keeper
from analytics.keeper import Status as AnalyticsStatus
from analytics.settings import Settings as AnalyticsSettings
from console.cli import main
from console.deadletter import Choice, Chosen, matches
from console.deadletter_marks import mark, marking, replayed
from console.deadletter_replay import _chunks, _survey, obstacle
from console.embedded_broker import EmbeddedBroker
from console.shown import as_json, preview, shown
from console.verify import Report, verify
from contract import MAX_BYTES, ConfigError, encode
from contract.compression import GZIP, compress
from historian import Frame, open_store
from ingest import DeadLetters, Settings, Status, ingest, read_letters
from ingest.deadletter import DeadLetterLimits, Letter, Place, letter, placed_letters
from service import Broker

S = 10**9
START_NS = 1_760_000_000 * S
EVIL = "qilu/v1/\x1b]0;owned\x07/\u202eevil/\x9b2J/\x7f"


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


def a_letter(n: int, topic: str = "qilu/v1/a/b/c/d/e/state", payload: bytes = b"{", **more: Any) -> Letter:
    said = {"reason": "not-json", "detail": "truncated", **more}
    return letter(time_ns=START_NS + n * S, topic=topic, payload=payload, **said)


def folder_of(tmp_path: Path, letters: list[Letter], **limits: int) -> Path:
    folder = tmp_path / "dead"
    store = DeadLetters(folder, DeadLetterLimits(**limits) if limits else None)
    store.append(letters)
    store.close()
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["deadletter", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def ids(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> list[str]:
    code, out, _ = run(capsys, "list", "--directory", str(folder), "--json", *words)
    assert code == 0
    return [one["id"] for one in json.loads(out)["letters"]]


def is_harmless(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


# Shown --------------------------------------------------------------------------------------------------------------


@given(st.text(st.characters()), st.integers(2, 60))
def test_whatever_is_shown_is_printable_and_bounded(text: str, most: int) -> None:
    safe = shown(text, most)
    assert safe.isprintable()
    assert len(safe) <= most


@given(st.binary(max_size=300), st.integers(2, 60))
def test_a_preview_is_printable_and_bounded(payload: bytes, most: int) -> None:
    safe = preview(payload, most)
    assert safe.isprintable()
    assert len(safe) <= most


@given(st.recursive(st.text(st.characters()), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_on_the_terminal_is_ascii_and_says_the_same(value: Any) -> None:
    text = as_json(value)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == value


def test_all_that_a_stranger_wrote_is_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    letters = [a_letter(1, EVIL, EVIL.encode(), reason=EVIL, detail=EVIL, content_type=EVIL)]
    folder = folder_of(tmp_path, letters)
    for words in (["list"], ["show", "1:1"]):
        for form in ([], ["--json"]):
            code, out, err = run(capsys, *words, "--directory", str(folder), *form)
            assert code == 0
            assert is_harmless(out), repr(out)
            assert "owned" in out
            assert err == ""


def test_a_list_is_chosen_by_reason_topic_and_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    letters = [
        a_letter(0, "a/x/c"),
        a_letter(10, "a/y/c", reason="store-refused"),
        a_letter(20, "b/y/c", reason="store-refused"),
        a_letter(30, "a/z/c"),
    ]
    folder = folder_of(tmp_path, letters)
    assert ids(capsys, folder) == ["1:1", "1:2", "1:3", "1:4"]
    assert ids(capsys, folder, "--reason", "store-refused") == ["1:2", "1:3"]
    assert ids(capsys, folder, "--topic", "a/+/c") == ["1:1", "1:2", "1:4"]
    assert ids(capsys, folder, "--since", "2025-10-09T08:53:40Z") == ["1:3", "1:4"]
    assert ids(capsys, folder, "--reason", "store-refused", "--topic", "a/#") == ["1:2"]
    assert ids(capsys, folder, "--since", "1d") == []
    assert ids(capsys, folder, "--limit", "2") == ["1:3", "1:4"], "the newest"
    _, out, _ = run(capsys, "list", "--directory", str(folder), "--limit", "3", "--topic", "a/#")
    assert len(out.splitlines()) == 4
    assert out.splitlines()[-1].startswith("3 letters of 4 in ")
    _, out, _ = run(capsys, "list", "--directory", str(folder), "--limit", "3")
    assert out.splitlines()[-1].startswith("the newest 3 of 4 letters of 4 in ")
    assert out.splitlines()[0].split() == ["1:2", "2025-10-09", "08:53:30Z", "store-refused", "1", "a/y/c", "{"]


def test_letters_of_several_ingesters_stand_in_the_order_of_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = DeadLetters(tmp_path), DeadLetters(tmp_path)
    one.append([a_letter(1), a_letter(3), a_letter(5)])
    other.append([a_letter(2), a_letter(4)])
    one.close()
    other.close()
    assert ids(capsys, tmp_path) == ["1:1", "2:1", "1:2", "2:2", "1:3"]
    assert ids(capsys, tmp_path, "--limit", "2") == ["2:2", "1:3"]


@pytest.mark.parametrize(
    ("topic_filter", "topic", "fits"),
    [
        ("#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/+", "a", False),
        ("+/+", "/b", True),
        ("+", "/b", False),
        ("a", "a/b", False),
        ("#/a", "b/a", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
    ],
)
def test_topics_fit_filters_as_in_the_standard(topic_filter: str, topic: str, fits: bool) -> None:
    assert matches(topic_filter, topic) is fits


def test_one_letter_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = b'{"v":1,"boot":"00ff00ff"}' * 100
    packed = compress(body, GZIP)
    letters = [a_letter(0), a_letter(1, payload=packed, content_type=GZIP), a_letter(2, payload=b"x", size=999)]
    folder = folder_of(tmp_path, letters)
    _, out, _ = run(capsys, "show", "1:2", "--directory", str(folder))
    assert f"content type  {GZIP}\n" in out
    assert f"payload       {len(packed)} bytes\n" in out
    assert '\n{"v":1,"boot":"00ff00ff"}{"v":1' in out, "unpacked for people"
    _, out, _ = run(capsys, "show", "1:2", "--directory", str(folder), "--json")
    said = json.loads(out)
    assert (said["id"], said["time_ns"], said["version"], said["whole"]) == ("1:2", START_NS + S, 1, True)
    assert Letter(**{name: said[name] for name in Letter.__struct_fields__}).body == packed, "as it came for programs"
    _, out, _ = run(capsys, "show", "1:3", "--directory", str(folder))
    assert "999 bytes, of which 1 were kept" in out


def test_the_directory_is_that_of_the_configuration_or_of_the_newest_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path, [a_letter(0)])
    config = tmp_path / "qilu.toml"
    config.write_text(f'[ingest]\ndead_letters = "{folder}"\n')
    assert run(capsys, "list", "--config", str(config))[0] == 0
    monkeypatch.setenv("QILU_INGEST_DEAD_LETTERS", str(folder))
    assert run(capsys, "list")[0] == 0
    monkeypatch.delenv("QILU_INGEST_DEAD_LETTERS")
    run_folder = tmp_path / "data" / "run-2026"
    run_folder.mkdir(parents=True)
    (run_folder / ".qilu-run").write_text("kept\n")
    folder.rename(run_folder / "dead-letters")
    code, out, _ = run(capsys, "list", "--data-dir", str(tmp_path / "data"))
    assert (code, out.splitlines()[-1].split(" letters")[0]) == (0, "1")


WRONG = {
    "no run": (["list", "--data-dir", "/nowhere"], "name --directory or --config"),
    "no directory": (["list", "--directory", "/nowhere"], "/nowhere is no directory of dead letters"),
    "no time": (["list", "--directory", "DIR", "--since", "soon"], "--since: expected an ISO 8601 time"),
    "no limit": (["list", "--directory", "DIR", "--limit", "0"], "is no number of letters"),
    "no name": (["show", "--directory", "DIR", "3"], "'3' names no letter"),
    "no letter": (["show", "--directory", "DIR", "1:9"], "no letter 1:9"),
    "nothing chosen": (["replay", "--directory", "DIR"], "or take --all"),
    "no letter to replay": (["replay", "--directory", "DIR", "1:1", "2:2"], "no letter 2:2"),
    "no broker": (["replay", "--directory", "DIR", "--all", "--broker", "mqtt://127.0.0.1:9"], "no MQTT broker"),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    folder = folder_of(tmp_path, [a_letter(0)])
    code, _, err = run(capsys, *[str(folder) if word == "DIR" else word for word in words])
    assert code == 2
    assert told in err
    assert len(err.splitlines()) == 1
    assert ids(capsys, folder) == ["1:1"], "nothing is marked"


# Replayed -----------------------------------------------------------------------------------------------------------


class Ear:
    """A subscriber that keeps what it hears, in a thread of its own, for the command runs a loop of its own."""

    def __init__(self, url: str, topic: str) -> None:
        self.heard: list[tuple[str, bytes, str | None, int]] = []
        self._port = int(url.rsplit(":", 1)[1])
        self._topic = topic
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._listen())
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Ear:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)
        self._loop.close()

    def wait(self, count: int) -> list[tuple[str, bytes, str | None, int]]:
        deadline = time.monotonic() + 10
        while len(self.heard) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.heard

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)

    async def _listen(self) -> None:
        version = aiomqtt.ProtocolVersion.V5
        async with aiomqtt.Client("127.0.0.1", self._port, protocol=version, identifier=f"ear-{id(self)}") as client:
            await client.subscribe(self._topic, qos=1)
            self._ready.set()
            async for one in client.messages:
                kind = getattr(one.properties, "ContentType", None)
                self.heard.append((str(one.topic), bytes(one.payload), kind, one.qos))  # type: ignore[arg-type]


def test_a_letter_goes_out_as_it_came_and_is_listed_no_more(
    broker: EmbeddedBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = bytes(range(256)) * 3
    letters = [
        a_letter(0, "replay/one/tele", odd, content_type=GZIP),
        a_letter(1, "replay/two/tele", b""),
        a_letter(2, "replay/two/tele", b"second", reason="invalid"),
    ]
    folder = folder_of(tmp_path, letters)
    where = ["--directory", str(folder), "--broker", broker.url]
    with Ear(broker.url, "replay/#") as ear:
        code, out, _ = run(capsys, "replay", "1:1", "1:2", *where)
        assert code == 0
        assert out.splitlines()[0] == f"replayed 2 letters to {broker.url}"
        assert ids(capsys, folder) == ["1:3"]
        assert ids(capsys, folder, "--replayed") == ["1:1", "1:2", "1:3"]
        assert "; 2 more were replayed" in run(capsys, "list", "--directory", str(folder))[1]
        assert "(replayed)" in run(capsys, "show", "1:1", "--directory", str(folder))[1]
        assert json.loads(run(capsys, "replay", "--all", "--json", *where)[1]) == {
            "ok": True,
            "directory": str(folder),
            "broker": broker.url,
            "replayed": 1,
            "left": 0,
            "before": 2,
            "stopped": False,
            "why": {},
            "examples": [],
        }
        assert run(capsys, "replay", "--all", *where)[1].startswith("replayed 0 letters")
        assert sorted(ear.wait(3)) == sorted(
            [
                ("replay/one/tele", odd, GZIP, 1),
                ("replay/two/tele", b"", None, 1),
                ("replay/two/tele", b"second", None, 1),
            ],
            key=lambda one: one[:2],
        )
        assert (
            json.loads(run(capsys, "replay", "--reason", "invalid", "--replayed", "--json", *where)[1])["replayed"] == 1
        )
        assert len(ear.wait(4)) == 4


def test_what_cannot_be_replayed_is_said_and_stays(
    broker: EmbeddedBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = [
        a_letter(0, "left/a", b"x" * (3 * MAX_BYTES)),
        a_letter(1, "qilu/v1/a/b/c/d/e/command", b"{}"),
        a_letter(2, "spBv1.0/group/NDATA/node", b"{}"),
        a_letter(3, "left/+/b", b"{}"),
        a_letter(4, "left/good", b"{}"),
    ]
    folder = folder_of(tmp_path, letters)
    code, out, _ = run(capsys, "replay", "--all", "--directory", str(folder), "--broker", broker.url)
    assert code == 1
    assert "replayed 1 letters" in out
    assert "1 left: its payload was cut" in out
    assert "1 left: a command would be obeyed again" in out
    assert "1 left: a Sparkplug message stands in a sequence" in out
    assert "1 left: nobody can publish on its topic" in out
    assert ids(capsys, folder) == ["1:1", "1:2", "1:3", "1:4"]


@pytest.mark.parametrize("topic", ["", "a/+", "a/#", "a\0b", "$SYS/x", "x" * 65_536, "é" * 40_000])
def test_topics_that_nobody_can_publish_on(topic: str) -> None:
    assert obstacle(a_letter(0, topic)) == "nobody can publish on its topic"
    assert obstacle(a_letter(0, "a")) == ""


def test_a_broker_that_does_not_take_one_letter_takes_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broker: EmbeddedBroker
) -> None:
    # Larger than what the embedded broker takes with its topic: it drops the connection at each attempt.
    poison = a_letter(0, "poison/" + "x" * 60_000, b"x" * (2 * MAX_BYTES))
    folder = folder_of(tmp_path, [a_letter(1, "poison/before", b"1"), poison, a_letter(2, "poison/after", b"2")])
    with Ear(broker.url, "poison/#") as ear:
        words = ["--all", "--wait", "1s", "--directory", str(folder), "--broker", broker.url]
        code, out, _ = run(capsys, "replay", *words)
        assert code == 1
        assert "1 left: the broker does not take it" in out
        assert {body for _, body, _, _ in ear.wait(2)} == {b"1", b"2"}
    assert ids(capsys, folder) == ["1:2"]


def test_what_the_broker_took_before_it_went_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = 20_000
    folder = folder_of(tmp_path, [a_letter(n, "gone/x") for n in range(count)])
    code: list[int] = []
    with EmbeddedBroker() as doomed:
        words = ["replay", "--all", "--wait", "0.5s", "--directory", str(folder), "--broker", doomed.url]
        thread = threading.Thread(target=lambda: code.append(_quiet(words)))
        thread.start()
        deadline = time.monotonic() + 20
        while not list(folder.glob("*.replayed")) and time.monotonic() < deadline:
            time.sleep(0.001)
    thread.join(60)
    assert code == [2]
    assert "the broker does not take the letters" in capsys.readouterr().err
    left = ids(capsys, folder, "--limit", "100000")
    assert 0 < len(left) <= count - 500
    assert left[0] == f"1:{count - len(left) + 1}", "the oldest went first"


def _quiet(words: list[str]) -> int:
    """In a thread signals cannot be listened to, so the command's own loop is run as it is."""
    from console import deadletter_replay  # noqa: PLC0415

    def plain(body: Any) -> int:
        return int(asyncio.run(body(asyncio.Event())))

    patch = pytest.MonkeyPatch()
    with patch.context() as patched:
        patched.setattr(deadletter_replay, "run_until_signalled", plain)
        return main(["deadletter", *words])


# Marks --------------------------------------------------------------------------------------------------------------


def test_marks_are_ranges_and_add_up(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, [a_letter(n) for n in range(9)])
    mark(folder, [Place(1, 3), Place(1, 1), Place(1, 2)])
    mark(folder, [Place(1, 7), Place(8, 1)])
    assert replayed(folder, 1) == ((1, 3), (7, 7))
    assert replayed(folder, 8) == (), "of letters that are gone nothing is noted"
    assert sorted(path.name for path in folder.iterdir()) == ["dead-00000001.jsonl", "dead-00000001.replayed"]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"head":"x","lines":"1-9"}', b"[]", b"\xff"])
def test_damaged_marks_hide_no_letter(tmp_path: Path, damage: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path, [a_letter(1)])
    (folder / "dead-00000001.replayed").write_bytes(damage)
    assert ids(capsys, folder) == ["1:1"]
    mark(folder, [Place(1, 1)])
    assert ids(capsys, folder) == []


def test_marks_of_other_letters_under_the_same_number_hide_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, [a_letter(1)])
    mark(folder, [Place(1, 1)])
    (folder / "dead-00000001.jsonl").unlink()
    folder_of(tmp_path, [a_letter(2)])
    assert ids(capsys, folder) == ["1:1"]


def test_two_at_a_time_are_refused(tmp_path: Path, broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path, [a_letter(1, "two/x")])
    with marking(folder):
        code, _, err = run(capsys, "replay", "--all", "--directory", str(folder), "--broker", broker.url)
    assert code == 2
    assert "another replay" in err
    with pytest.raises(ConfigError, match="cannot write"), marking(folder / "none"):
        pass


def test_letters_that_come_while_others_are_replayed_are_whole_and_unmarked(
    tmp_path: Path, broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, [a_letter(n, "while/x", b"old") for n in range(1500)])
    end = threading.Event()

    def write() -> None:
        store = DeadLetters(folder, DeadLetterLimits(file_bytes=100_000))
        for n in itertools.count():
            store.append([a_letter(n, "while/x", b"new")])
            if end.is_set():
                break
        store.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        code, out, _ = run(capsys, "replay", "--all", "--json", "--directory", str(folder), "--broker", broker.url)
    finally:
        end.set()
        thread.join()
    assert code == 0
    said = json.loads(out)
    left = {str(place) for place, one in placed_letters(folder)} - set(ids(capsys, folder, "--limit", "100000"))
    assert len(left) == said["replayed"]
    bodies = {str(place): one.body for place, one in placed_letters(folder)}
    assert sum(body == b"old" for name, body in bodies.items() if name in left) == 1500
    assert set(bodies.values()) <= {b"old", b"new"}


def test_letters_that_came_after_the_survey_are_not_meant(tmp_path: Path) -> None:
    """Else a cause that is not mended would keep us busy for ever: each letter comes back as a new one."""
    folder = folder_of(tmp_path, [a_letter(n) for n in range(5)])
    chosen = Chosen(folder, Choice())
    whole, last = _survey(chosen)
    folder_of(tmp_path, [a_letter(n) for n in range(5, 9)])
    sent = [place for chunk in _chunks(chosen, last) for place, _ in chunk]
    assert whole == len(sent) == 5
    assert sent[-1] == last == Place(1, 5)


# Healed -------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def ingesting(url: str, store_url: str, folder: Path) -> AsyncIterator[Status]:
    """The ingester between a broker and a store, to its clean end."""
    status, stop = Status(), asyncio.Event()
    settings = Settings(client_id="ingest-heal", dead_letters=str(folder), topics=["qilu/v1/acme/+/+/+/+/+"])
    async with open_store(store_url) as store:
        task = asyncio.create_task(
            ingest(settings, Broker(url=url), store, stop=stop, clock_ns=time.time_ns, status=status)
        )
        try:
            await until(lambda: status.connected or task.done())
            yield status
        finally:
            stop.set()
            await asyncio.wait_for(task, 30)


async def analysed(store_url: str) -> None:
    async with open_store(store_url) as store:
        keeper = Keeper(AnalyticsSettings(), store, AnalyticsStatus())
        while await keeper.update(scan=True):
            pass


@pytest.mark.slow
def test_after_the_cause_is_mended_a_replay_heals_the_figures(
    tmp_path: Path, broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    machines = [verify_plant.machine(f"m-{n}", 70 + n) for n in (1, 2)]
    said = verify_plant.messages(machines)
    ledger, folder, store_url = tmp_path / "ledger.jsonl", tmp_path / "dead", f"duckdb:{tmp_path / 'store.duckdb'}"
    verify_plant.ledger(ledger, machines, said)
    out = [(address.topic(kind), encode(message)) for address, kind, message in said]
    replay = ["replay", "--all", "--json", "--directory", str(folder), "--broker", broker.url]

    async def told(session: Any) -> Report:
        await session()
        await analysed(store_url)
        return await verify(ledger, store_url)

    async def broken() -> None:
        # The cause: somebody has written texts where lots are counted, so the store refuses every cycle.
        async with open_store(store_url) as store:
            tags = {"enterprise": "stranger"}
            await store.write([Frame("cycle", tags, [T0], {"good": ["three"], "_boot": ["00"], "_seq": [1]})])
        async with ingesting(broker.url, store_url, folder) as status:
            await publish(broker.url, out)
            await until(lambda: status.written + status.dead_lettered == len(out))

    async def healed(count: int) -> None:
        async with ingesting(broker.url, store_url, folder) as status:
            code, text = await asyncio.to_thread(_replayed, replay)
            assert code == 0
            assert json.loads(text)["replayed"] == count
            await until(lambda: status.written + status.duplicate == count)
            assert status.dead_lettered == 0

    def _replayed(words: list[str]) -> tuple[int, str]:
        code = _quiet(words)
        return code, capsys.readouterr().out

    report = asyncio.run(told(broken))
    assert {one.reason for one in read_letters(folder)} == {"store-refused"}
    refused = len(list(read_letters(folder)))
    assert refused == 2
    assert not report.ok
    assert report.messages.lost == refused
    assert any(example.startswith("lost: acme") and " cycle " in example for example in report.messages.examples)

    with duckdb.connect(store_url.removeprefix("duckdb:")) as store:  # mended
        store.execute("DROP TABLE cycle")

    report = asyncio.run(told(lambda: healed(refused)))
    assert report.ok, report.as_text()
    assert (report.messages.lost, report.messages.duplicated, report.messages.unexpected) == (0, 0, 0)
    assert report.figures.compared > 500
    assert ids(capsys, folder) == []

    report = asyncio.run(told(lambda: healed(0)))
    assert report.ok, "the second replay finds nothing to do"
    replay.append("--replayed")
    report = asyncio.run(told(lambda: healed(refused)))
    assert report.ok, "and when it is made to, it changes nothing"


def test_a_letter_whose_cause_is_not_mended_comes_back_as_a_new_one_and_once(
    tmp_path: Path, broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store_url = tmp_path / "dead", f"duckdb:{tmp_path / 'store.duckdb'}"
    topic = "qilu/v1/acme/p/production/l/m/state"

    async def scene() -> None:
        async with ingesting(broker.url, store_url, folder) as status:
            await publish(broker.url, [(topic, b"{")] * 3)
            await until(lambda: status.dead_lettered == 3)
            words = ["replay", "--all", "--directory", str(folder), "--broker", broker.url]
            assert await asyncio.to_thread(_quiet, words) == 0
            await until(lambda: status.dead_lettered == 6)
            await asyncio.sleep(0.3)
            assert status.dead_lettered == 6

    asyncio.run(scene())
    assert "replayed 3 letters" in capsys.readouterr().out
    assert ids(capsys, folder) == ["1:4", "1:5", "1:6"]
