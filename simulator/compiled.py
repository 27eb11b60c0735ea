"""Compiled functions: the one place that knows numba.

What it is: a typed decorator, and a cache on disk that notices every change. Numba's own cache looks at the file of a
function alone; a function that was inlined from another file, or a constant imported from one, may change behind its
back. So the cache lies in a folder named by a digest of all sources that can have gone into compiled code.
What it is not: a promise of speed. Where the cache can be neither read nor written, functions are compiled again at
each start, and nothing else changes.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
from numba.core import caching
from numba.core.registry import cpu_target

_F = TypeVar("_F", bound=Callable[..., Any])
_LOG: Final = logging.getLogger("qilu.compiled")
_ROOM: Final = Path(__file__).parent
_IMPORT: Final = re.compile(r"^(?:from|import)\s+simulator\b([\w.]*)(?:\s+import\s+(\([^)]*\)|[^\n]*))?", re.MULTILINE)
_USES: Final = re.compile(r"^@(?:compiled|lean|inlined)\b", re.MULTILINE)


def sources(room: Path = _ROOM) -> dict[str, bytes]:
    """What compiled code can depend on, by name: the modules with a compiled function, and all that they import."""
    texts = {path.relative_to(room).as_posix(): path.read_bytes() for path in sorted(room.rglob("*.py"))}
    files = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in texts}
    todo = [name for name, text in texts.items() if _USES.search(text.decode())]
    found: dict[str, bytes] = {}
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = texts[name]
            todo += [files[module] for module in _imported(texts[name].decode()) if module in files]
    return {name: found[name] for name in sorted(found)}


def _imported(text: str) -> set[str]:
    """Dotted names inside the room that may be modules: where something is imported from, and what."""
    names: set[str] = set()
    for module, given in _IMPORT.findall(text):
        inside = module.strip(".")
        names |= {inside, *(f"{inside}.{word}".lstrip(".") for word in re.findall(r"\w+", given))}
    return names


def digest(files: dict[str, bytes]) -> str:
    """The name of the folder for these sources under this Python and this numba."""
    total = blake2b(f"{numba.__version__} {sys.version_info[:3]}".encode(), digest_size=12)
    for name, text in files.items():
        total.update(f"\n{name} {len(text)}\n".encode() + text)
    return total.hexdigest()


def cache_root() -> Path | None:
    """``$QILU_CACHE_DIR``, ``$XDG_CACHE_HOME/qilu`` or ``~/.cache/qilu``; none without a home."""
    if own := os.environ.get("QILU_CACHE_DIR"):
        return Path(own)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "qilu"
    try:
        return Path.home() / ".cache" / "qilu"
    except RuntimeError:
        return None


def _folder() -> str | None:
    """The cache's folder, made if it can be; none if there is nothing to read and nowhere to write."""
    root = cache_root()
    try:
        if root is not None:
            folder = root / "compiled" / digest(sources())
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return str(folder)
    except (OSError, UnicodeDecodeError) as error:
        _LOG.warning("no cache for compiled functions (%s): starting takes longer", error)
    return None


@lru_cache(maxsize=256)
def _stamp(file: str) -> str:
    return blake2b(Path(file).read_bytes(), digest_size=12).hexdigest()


class _Place:
    """Where a function's code is kept. Unlike numba's locators it does not ask that the folder can be written."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._py_file = function.__code__.co_filename  # numba's warnings name it
        self._name = f"{function.__module__}-{function.__code__.co_firstlineno}"

    def ensure_cache_path(self) -> None:
        """The folder was made when this module was loaded."""

    def get_cache_path(self) -> str:
        """The folder of all functions."""
        return str(_FOLDER)

    def get_source_stamp(self) -> str:
        """The file's digest; for what the room knows the folder's name says more."""
        return _stamp(self._py_file)

    def get_disambiguator(self) -> str:
        """What tells functions of the same name apart."""
        return self._name

    @classmethod
    def from_function(cls, function: Callable[..., Any], _: str) -> _Place:
        """Numba's way to make one."""
        return cls(function)


class _Cache:
    """Numba's cache of a function, for which no trouble with a file is worth an exception."""

    def __init__(self, function: Callable[..., Any]) -> None:
        code = type("Code", (caching.CompileResultCacheImpl,), {"_locator_classes": [_Place]})
        kept: Any = type("Kept", (caching.FunctionCache,), {"_impl_class": code})
        self._kept = kept(function)
        self._name = function.__qualname__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kept, name)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for these types of arguments, or none."""
        try:
            return self._kept.load_overload(sig, target_context)
        except Exception as error:  # a torn or foreign file can raise anything when it is unpickled
            _LOG.warning("cached code of %s cannot be read (%s): compiled again", self._name, type(error).__name__)
            with suppress(Exception):
                self._kept.flush()  # else the index stays torn, and nothing can be kept beside it
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code, if that can be."""
        try:
            self._kept.save_overload(sig, data)
        except Exception as error:  # a full or read-only disk, or a torn index beside it
            _LOG.warning("compiled code of %s is not kept (%s)", self._name, type(error).__name__)


_FOLDER: Final = _folder()


def cold() -> bool:
    """Whether a first run here has to compile: nobody has said ``warmed`` of these sources on such a processor."""
    mark = _mark()
    return mark is None or not mark.exists()


def kept() -> int:
    """How many functions have code in the cache."""
    return 0 if _FOLDER is None else sum(1 for _ in Path(_FOLDER).glob("*.nbi"))


def to_keep() -> int:
    """How many functions there are, and so how many have code in the cache when all are compiled."""
    return sum(len(_USES.findall(text.decode())) for text in sources().values())


def warmed() -> bool:
    """Note that all functions are compiled; says whether code is kept, so that the next start finds it."""
    mark = _mark()
    if mark is None or not kept():
        return False
    with suppress(OSError):
        mark.touch(mode=0o600)
    return mark.exists()


def _mark() -> Path | None:
    """The file that says so; code for one processor is none for another."""
    processor = cpu_target.target_context.codegen().magic_tuple()
    name = blake2b(repr(processor).encode(), digest_size=6).hexdigest()
    return None if _FOLDER is None else Path(_FOLDER) / f"complete-{name}"


def compiled(function: _F) -> _F:
    """The function as machine code: on numbers and arrays only, without the interpreter's lock, kept on disk.

    Arithmetic is as written (no fast-math), so that the same numbers come out wherever it is compiled. Division by
    zero gives infinity or 0, as in C, not an exception.
    """
    return _made(function)


def lean(function: _F) -> _F:
    """``compiled``, for what makes no arrays or other objects: who holds the given ones is not counted.

    Where small functions hand arrays on, that counting took a third of the time.
    """
    return _made(function, _nrt=False, no_cfunc_wrapper=True)


def inlined(function: _F) -> _F:
    """``lean``, and copied into each compiled function that calls it: for what is short, or called in one place.

    Every array is handed on as seven numbers, so a call is dear; but each copy is compiled anew.
    """
    return _made(function, _nrt=False, no_cfunc_wrapper=True, forceinline=True)


def _made(function: _F, **options: Any) -> _F:
    made: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if _FOLDER is not None:
        try:
            made._cache = _Cache(function)
        except Exception as error:  # the cache's inside is numba's own affair and may change
            _LOG.warning("no cache for compiled functions (%s): starting takes longer", error)
    return cast(_F, made)
