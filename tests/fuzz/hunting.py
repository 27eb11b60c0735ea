"""Mutation fuzzing with a seed and a budget of seconds.

What it is: a few seeds of each kind of input, the mutations that find most (bits, lengths, splices, numbers at their
edges, words of the format), and the two properties that every reader of foreign bytes has here: nothing but the
declared exception, and never slow. What breaks one is kept in ``corpus/<target>/`` and tried first from then on.
What it is not: guided by coverage. atheris would be, but has no wheel for every Python and system of the locks.

``QILU_FUZZ_S`` is the budget of each target (default 3 s; CI: 30 s), ``QILU_FUZZ_SEED`` replays a hunt.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
BUDGET_S = float(os.environ.get("QILU_FUZZ_S", "3"))
SEED = int(os.environ.get("QILU_FUZZ_SEED", "20261122"))
SLOW_S = 0.25
"""Of CPU; a case that takes longer is a finding."""
_NUMBERS = (b"-1", b"0", b"-0.0", b"1e309", b"NaN", b"9007199254740993", b"9223372036854775808", b"7" * 400, b"5e-324")
_WORDS = (b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\n", b"\\u0000", b"\\ud800", b'"', b"{", b"[", b"null")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


@dataclass
class Hunt:
    """What a hunt did: cases, how many were refused, the slowest one in seconds."""

    runs: int = 0
    refused: int = 0
    slowest_s: float = 0.0


def mutants(seeds: Sequence[bytes], draw: random.Random, words: Sequence[bytes]) -> Iterator[bytes]:
    """Mutants of the seeds, without end."""
    words = (*_WORDS, *words)
    while True:
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
            _mutate(data, draw, seeds, words)
        yield bytes(data)


def _mutate(data: bytearray, draw: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = draw.randrange(len(data) + 1)
    end = min(len(data), at + draw.choice((1, 2, 4, 16, 200)))
    how = draw.randrange(8)
    if how == 0 and at < len(data):
        data[at] ^= 1 << draw.randrange(8)
    elif how == 1 and at < len(data):
        data[at] = draw.randrange(256)
    elif how == 2:
        del data[at:end]
    elif how == 3:
        data[at:at] = data[at:end] * draw.choice((1, 2, 50))
    elif how == 4:
        other = draw.choice(seeds)
        data[at:] = other[draw.randrange(len(other) + 1) :]
    elif how == 5:
        data[at:end] = draw.choice(words)
    elif how == 6:
        numbers = list(_NUMBER.finditer(data))
        if numbers:
            number = draw.choice(numbers)
            data[number.start() : number.end()] = draw.choice(_NUMBERS)
    else:
        data[at:at] = draw.randbytes(draw.choice((1, 3, 30)))
    del data[1_000_000:]


def hunt(
    name: str,
    target: Callable[[bytes], object],
    seeds: Sequence[bytes],
    allowed: type[Exception] | tuple[type[Exception], ...],
    *,
    words: Sequence[bytes] = (),
    budget_s: float = BUDGET_S,
) -> Hunt:
    """Try what was found before, then mutants until the time is over.

    Args:
        name: the target's folder in the corpus.
        target: what reads the bytes; its own assertions are findings, too.
        seeds: valid inputs.
        allowed: the exceptions that it may raise.
        words: of the format, to be put in here and there.
        budget_s: seconds.
    """
    found = Hunt()
    known = [path.read_bytes() for path in sorted((CORPUS / name).glob("*")) if path.is_file()]
    draw = random.Random(f"{SEED} {name}")
    for data in [*seeds, *known]:
        _try(name, target, data, allowed, found)
    until = time.monotonic() + budget_s
    for data in mutants([*seeds, *known], draw, words):
        _try(name, target, data, allowed, found)
        if found.runs % 64 == 0 and time.monotonic() > until:
            break
    print(f"{name}: {found}")
    return found


def _try(name: str, target: Callable[[bytes], object], data: bytes, allowed: object, found: Hunt) -> None:
    began = time.thread_time()
    try:
        target(data)
    except allowed:  # type: ignore[misc]
        found.refused += 1
    except Exception as error:
        raise AssertionError(f"{name}: {type(error).__name__}: {error!s:.300}; kept in {keep(name, data)}") from error
    took_s = time.thread_time() - began
    if took_s >= SLOW_S:  # a collection of garbage may have fallen into it: a second look must be as slow
        began = time.thread_time()
        with contextlib.suppress(allowed):  # type: ignore[arg-type]
            target(data)
        took_s = min(took_s, time.thread_time() - began)
    found.runs += 1
    found.slowest_s = max(found.slowest_s, took_s)
    assert took_s < SLOW_S, f"{name}: {took_s:.2f} s for {len(data)} bytes; kept in {keep(name, data)}"


def keep(name: str, data: bytes) -> Path:
    """Write a finding into the corpus; returns where."""
    path = CORPUS / name / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
