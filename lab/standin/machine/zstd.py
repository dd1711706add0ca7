"""Compresses and expands with the libzstd that dpkg itself brings to every Debian."""

from __future__ import annotations

import ctypes
from functools import lru_cache

_LEVEL = 3


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compress.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_int,
    ]
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    return library


def compress(data: bytes) -> bytes:
    library = _library()
    bound = library.ZSTD_compressBound(len(data))
    room = ctypes.create_string_buffer(bound)
    size = library.ZSTD_compress(room, bound, data, len(data), _LEVEL)
    if library.ZSTD_isError(size):
        raise ValueError("zstd could not compress the message")
    return room.raw[:size]
