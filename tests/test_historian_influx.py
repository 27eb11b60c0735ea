"""What InfluxDB's answers become: a scripted server on a free port stands for it."""

from __future__ import annotations

import asyncio
import gzip as gzip_module
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from contract import PartialWrite, QiluError, Refused, RetryLater
from historian import Frame, Query
from historian.influxql import count, name, select, text
from historian.target import InfluxTarget

web = pytest.importorskip("aiohttp.web")
InfluxHistorian = pytest.importorskip("historian.influx").InfluxHistorian

Handler = Callable[[Any], Awaitable[Any]]


def frames(number: int) -> list[Frame]:
    return [Frame("m", {"machine": f"a{n}"}, [1, 2], {"n": [n, n]}) for n in range(number)]


def against(
    handler: Handler, use: Callable[[Any], Awaitable[Any]], token: str | None = None, *, gzip: bool = False
) -> Any:
    """Run ``use(store)`` against a server that answers with ``handler``."""

    async def run() -> Any:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            target = InfluxTarget("127.0.0.1", port, "qilu", "acme", gzip)
            async with InfluxHistorian(target, token, timeout_s=0.5) as store:
                return await use(store)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def write_error(handler: Handler, batch: list[Frame]) -> QiluError:
    with pytest.raises(QiluError) as caught:
        against(handler, lambda store: store.write(batch))
    return caught.value


class Server:
    """Keeps the lines of every request; refuses those that hold a word, or are too many bytes."""

    def __init__(self, bad: tuple[str, ...] = (), status: int = 422, most_bytes: int = 2**30) -> None:
        self.bad = bad
        self.status = status
        self.most_bytes = most_bytes
        self.requests: list[list[str]] = []
        self.stored: set[str] = set()

    async def answer(self, request: Any) -> Any:
        body = (await request.read()).decode()  # aiohttp has undone the gzip
        lines = body.splitlines()
        self.requests.append(lines)
        if len(body) > self.most_bytes:
            return web.Response(status=413, text='{"code":"request too large","message":"too large"}')
        bad = [line for line in lines if any(word in line for word in self.bad)]
        if bad:
            return web.Response(status=self.status, text=json.dumps({"code": "invalid", "message": f"bad {bad[0]}"}))
        self.stored |= set(lines)
        return web.Response(status=204)


def test_the_request() -> None:
    seen: dict[str, Any] = {}

    async def handler(request: Any) -> Any:
        seen.update(request.query, path=request.path, **{k.lower(): v for k, v in request.headers.items()})
        seen["body"] = await request.read()
        return web.Response(status=204)

    against(handler, lambda store: store.write(frames(2)), token="t0ken")
    assert seen["path"] == "/api/v2/write"
    assert (seen["bucket"], seen["org"], seen["precision"]) == ("qilu", "acme", "ns")
    assert "content-encoding" not in seen, "on one machine it would cost more than it saves"
    assert seen["authorization"] == "Token t0ken"
    assert seen["body"] == b"m,machine=a0 n=0i 1\nm,machine=a0 n=0i 2\nm,machine=a1 n=1i 1\nm,machine=a1 n=1i 2\n"


@pytest.mark.parametrize("status", [400, 422])
def test_one_bad_frame_of_a_thousand(status: int) -> None:
    server = Server(bad=("machine=a617 ",), status=status)
    error = write_error(server.answer, frames(1000))
    assert isinstance(error, PartialWrite)
    assert error.rejected == ((617, "bad m,machine=a617 n=617i 1"),)
    assert len(server.stored) == 2 * 999
    assert len(server.requests) <= 21  # 2 log2(1000) + 1


def test_three_bad_frames_and_one_that_cannot_be_said() -> None:
    server = Server(bad=("machine=a0 ", "machine=a5 ", "machine=a7 "))
    batch = frames(8)
    batch.insert(3, Frame("m", {"machine": "late"}, [2**63 - 1], {"n": [1]}))
    error = write_error(server.answer, batch)
    assert isinstance(error, PartialWrite)
    assert [index for index, _ in error.rejected] == [0, 3, 6, 8]
    assert "a time outside" in error.rejected[1][1]
    assert len(server.stored) == 10


def test_a_batch_that_is_too_large_is_cut_down_to_rows() -> None:
    server = Server(most_bytes=100)
    rows = list(range(50))
    batch = [*frames(10), Frame("m", {"machine": "b"}, rows, {"n": rows})]
    against(server.answer, lambda store: store.write(batch))
    assert len(server.stored) == 20 + 50


def test_a_row_that_is_too_large_is_refused_with_its_frame() -> None:
    server = Server(most_bytes=100)
    error = write_error(
        server.answer, [Frame("m", {}, [1, 2, 3, 4], {"x": ["a", "b" * 200, "c" * 200, "d"]}), *frames(1)]
    )
    assert isinstance(error, PartialWrite)
    assert error.rejected == ((0, "too large"),)
    assert server.stored == {'m x="a" 1', 'm x="d" 4', "m,machine=a0 n=0i 1", "m,machine=a0 n=0i 2"}


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 504])
def test_answers_that_ask_for_patience(status: int) -> None:
    async def handler(_: Any) -> Any:
        return web.Response(status=status, headers={"Retry-After": "3"}, text='{"error":"not now"}')

    error = write_error(handler, frames(3))
    assert isinstance(error, RetryLater)
    assert error.after_s == 3
    assert str(status) in str(error)


@pytest.mark.parametrize("after", ["Fri, 31 Dec 2027 23:59:59 GMT", "-1", "", "²"])
def test_a_retry_after_that_is_no_number_of_seconds(after: str) -> None:
    async def handler(_: Any) -> Any:
        return web.Response(status=503, headers={"Retry-After": after})

    error = write_error(handler, frames(1))
    assert isinstance(error, RetryLater)
    assert error.after_s is None


def test_an_answer_that_will_never_change() -> None:
    async def handler(_: Any) -> Any:
        return web.Response(status=405, text="no such thing here")

    error = write_error(handler, frames(1))
    assert isinstance(error, Refused)
    assert "405: no such thing here" in str(error)


def test_trouble_in_the_midst_of_the_search_is_told_as_such() -> None:
    server = Server(bad=("machine=a3 ",))

    async def handler(request: Any) -> Any:
        return await server.answer(request) if len(server.requests) < 2 else web.Response(status=503)

    assert isinstance(write_error(handler, frames(8)), RetryLater)


def test_a_server_that_hangs() -> None:
    async def handler(_: Any) -> Any:
        await asyncio.Event().wait()

    assert isinstance(write_error(handler, frames(1)), RetryLater)
    with pytest.raises(RetryLater, match="does not answer"):
        against(handler, lambda store: store.read(Query("m")))


def test_a_server_that_is_not_there() -> None:
    async def run() -> None:
        async with InfluxHistorian(InfluxTarget("127.0.0.1", 1, "qilu", "acme")) as store:
            for work in (store.write(frames(1)), store.read(Query("m")), store.count("m", 1, 0, 1)):
                with pytest.raises(RetryLater, match=r"InfluxDB at http://127\.0\.0\.1:1 does not answer"):
                    await work

    asyncio.run(run())


def test_a_server_that_is_not_influxdb() -> None:
    async def handler(_: Any) -> Any:
        return web.Response(text="<html>hello</html>")

    assert isinstance(write_error(handler, frames(1)), RetryLater)
    with pytest.raises(RetryLater, match="answers a query with something else"):
        against(handler, lambda store: store.read(Query("m")))


@pytest.mark.parametrize("body", ['{"error":"no"}', '{"results":[{"statement_id":0,"error":"no"}]}'])
def test_a_query_that_is_refused_in_the_answer(body: str) -> None:
    async def handler(_: Any) -> Any:
        return web.Response(text=body)

    with pytest.raises(RetryLater, match="refuses a query: no"):
        against(handler, lambda store: store.read(Query("m")))


def test_an_answer_in_pieces_that_break_anywhere() -> None:
    """Chunks of a series arrive apart, cut in the midst of a character, the last without its newline."""
    points = [[n, n / 2, "é"] for n in range(6)]
    documents: list[Any] = [{"results": [{"statement_id": 0, "series": [{"columns": [], "values": [["x", "float"]]}]}]}]
    for start in (0, 2, 4):
        series = {"tags": {"machine": "⧵"}, "columns": ["time", "x", "s"], "values": points[start : start + 2]}
        documents.append({"results": [{"statement_id": 1, "series": [series], "partial": start < 4}]})
    body = "\n".join(json.dumps(document, ensure_ascii=False) for document in documents).encode()

    async def handler(request: Any) -> Any:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(body), 7):
            await response.write(body[start : start + 7])
        return response

    table = against(handler, lambda store: store.read(Query("m")))
    assert table.time_ns == list(range(6))
    assert table.tags == {"machine": ["\\"] * 6}
    assert table.fields == {"s": ["é"] * 6, "x": [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]}
    assert {type(value) for value in table.fields["x"]} == {float}


def test_a_field_of_another_type_is_known_by_the_answer_and_nothing_good_is_sent_twice() -> None:
    """Three bad points of a thousand: one request, and none at all for what is bad in the next minute."""
    requests: list[int] = []
    text = 'partial write: field type conflict: input field "n" on measurement "m" is type {}, already exists as type '

    async def handler(request: Any) -> Any:
        lines = (await request.read()).decode().splitlines()
        requests.append(len(lines))
        bad = sum("n=0.5" in line for line in lines)
        said = json.dumps({"code": "unprocessable entity", "message": text.format("float") + f"integer dropped={bad}"})
        return web.Response(status=422, text=said) if bad else web.Response(status=204)

    poison = [Frame("m", {"machine": f"bad{n}"}, [1], {"n": [0.5]}) for n in range(3)]
    good = [Frame("m", {"machine": f"a{n}"}, [1], {"n": [n]}) for n in range(997)]

    async def use(store: Any) -> None:
        for _ in range(2):
            with pytest.raises(PartialWrite) as caught:
                await store.write([*good[:500], *poison, *good[500:]])
            assert caught.value.rejected == tuple((n, "m.n is int in the store") for n in (500, 501, 502))

    against(handler, use)
    assert requests == [1000, 997]


def test_two_conflicts_in_one_batch_are_both_found() -> None:
    text = 'partial write: field type conflict: input field "{}" on measurement "m" is type float, already exists as '

    async def handler(request: Any) -> Any:
        lines = (await request.read()).decode().splitlines()
        bad = {field: sum(f" {field}=" in line for line in lines) for field in ("x", "y")}
        for field, points in bad.items():
            if points:
                said = text.format(field) + f"type integer dropped={sum(bad.values())}"
                return web.Response(status=400, text=json.dumps({"message": said}))
        return web.Response(status=204)

    batch = [Frame("m", {}, [n], {name: [0.5]}) for n, name in enumerate("axbybx")]
    error = write_error(handler, batch)
    assert isinstance(error, PartialWrite)
    assert [index for index, _ in error.rejected] == [1, 3, 5]


def test_what_is_sent_compressed_is_a_third_of_what_is_said() -> None:
    seen: list[tuple[int, int]] = []

    async def handler(request: Any) -> Any:
        body = await request.read()
        seen.append((int(request.headers["Content-Length"]), len(body)))
        assert len(gzip_module.compress(body, 1)) == seen[0][0]
        return web.Response(status=204)

    against(handler, lambda store: store.write(frames(500)), gzip=True)
    assert seen[0][0] * 3 < seen[0][1]


def test_names_and_texts_are_quoted() -> None:
    assert name('a"b\\c\n') == '"a\\"b\\\\c\\n"'
    assert text("o'hara\\\n") == "'o\\'hara\\\\\\n'"
    query = Query('m"; DROP MEASUREMENT m; --', ('x" FROM y; --',), {"line": "' OR ''='"})
    assert select(query) == (
        'SELECT "x\\" FROM y; --" FROM "m\\"; DROP MEASUREMENT m; --" '
        "WHERE \"line\"::tag = '\\' OR \\'\\'=\\'' GROUP BY *"
    )


def test_bounds_beyond_all_times_are_no_bounds() -> None:
    assert select(Query("m", start_ns=-(2**70), end_ns=2**70)) == 'SELECT *::field FROM "m" GROUP BY *'
    assert "time >= 9214646400000000000 AND time < -9223372036854775806" in select(
        Query("m", start_ns=2**70, end_ns=-(2**70))
    )
    assert "time < 9214646400000000000 GROUP BY time(7ns)" in count("m", 7, -(2**70), 2**70)  # else it would end now
