"""Data files by path: the only place where one is opened.

What it is: reading a regular file of bounded size. Devices, pipes and folders are refused before they can block, and of
a file that is too large no more is read than shows that it is.
What it is not: the meaning of the bytes (``datafile.py``).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, TypeVar

from contract import ConfigError
from service.datafile import parse
from service.strict_yaml import MAX_BYTES

T = TypeVar("T")
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read(path: Path, type_: type[T]) -> T:
    """The value in the file at ``path``; raises ConfigError that names the file."""
    return parse(read_bytes(path), type_, str(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of the regular file at ``path``, or behind a link there; raises ConfigError.

    A file beyond ``MAX_BYTES`` gives one byte more than that, which ``parse`` refuses.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a device can do something, so look first
            raise ConfigError(f"{path}: not a regular file")
        with os.fdopen(os.open(path, _FLAGS), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it may have changed in between
                raise ConfigError(f"{path}: not a regular file")
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a null character in the name
        raise ConfigError(f"{str(path)!r}: no file name: {error}") from None
