"""The semantics of a historian in plain Python: the oracle of the laws.

What it is: the smallest back end that obeys ``checks.py``; what the others answer is compared with it. Good as a store
in unit tests.
What it is not: a database: nothing is kept when it goes, and every read looks at every point.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from contract import PartialWrite
from historian.base import Frame, Query, Table, Tags, Value

Point = dict[str, Value]


class ModelHistorian:
    """All points in nested dictionaries: measurement -> series -> time -> field -> value."""

    def __init__(self) -> None:
        self._points: dict[str, dict[Tags, dict[int, Point]]] = {}
        self._kinds: dict[tuple[str, str], type[Value]] = {}

    async def write(self, batch: Sequence[Frame]) -> None:
        """Store the batch; raises PartialWrite."""
        rejected: list[tuple[int, str]] = []
        for index, frame in enumerate(batch):
            try:
                frame.check_storable()
                self._learn(frame)
            except ValueError as error:
                rejected.append((index, str(error)))
            else:
                self._put(frame)
        if rejected:
            raise PartialWrite(f"{len(rejected)} of {len(batch)} frames refused: {rejected[0][1]}", rejected)

    async def read(self, query: Query) -> Table:
        """The points that the query asks for."""
        rows: list[tuple[Tags, int, Point]] = []
        for series, points in self._points.get(query.measurement, {}).items():
            if query.selects(series):
                found = [(series, time, point) for time, point in sorted(points.items()) if _asked(query, time, point)]
                rows += found[-1:] if query.last else found
        return table(query, rows)

    async def count(self, measurement: str, every_ns: int, start_ns: int, end_ns: int) -> dict[int, int]:
        """Points per window."""
        times = (time for points in self._points.get(measurement, {}).values() for time in points)
        counts = Counter(time // every_ns * every_ns for time in times if start_ns <= time < end_ns)
        return dict(sorted(counts.items()))

    async def close(self) -> None:
        """Nothing to let go of."""

    async def __aenter__(self) -> ModelHistorian:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def _learn(self, frame: Frame) -> None:
        kinds = {(frame.measurement, name): kind for name, kind in frame.kinds.items() if kind is not None}
        for key, kind in kinds.items():
            known = self._kinds.get(key, kind)
            if known is not kind:
                raise ValueError(f"{'.'.join(key)} is {known.__name__}, not {kind.__name__}")
        self._kinds |= kinds

    def _put(self, frame: Frame) -> None:
        points = self._points.setdefault(frame.measurement, {}).setdefault(frame.series, {})
        for row, time in enumerate(frame.time_ns):
            for name, column in frame.fields.items():
                value = column[row]
                if value is not None:
                    points.setdefault(time, {})[name] = value


def _asked(query: Query, time: int, point: Point) -> bool:
    late_enough = query.start_ns is None or time >= query.start_ns
    early_enough = query.end_ns is None or time < query.end_ns
    return late_enough and early_enough and (not query.fields or any(name in point for name in query.fields))


def table(query: Query, rows: Sequence[tuple[Tags, int, Point]]) -> Table:
    """Rows of series, time and point as the table that the query asks for."""
    tag_names = sorted({name for series, _, _ in rows for name, _ in series})
    field_names = query.fields or sorted({name for _, _, point in rows for name in point})

    def place(row: tuple[Tags, int, Point]) -> tuple[list[str], int]:
        tags = dict(row[0])
        return [tags.get(name, "") for name in tag_names], row[1]

    ordered = sorted(rows, key=place)
    return Table(
        [time for _, time, _ in ordered],
        {name: [dict(series).get(name, "") for series, _, _ in ordered] for name in tag_names},
        {name: [point.get(name) for _, _, point in ordered] for name in field_names},
    )
