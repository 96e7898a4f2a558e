"""Text from the bytes of a file: encodings are recognised by their marks, and other files are named by their kind."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from seqbench.utils.errors import SeqbenchError

_MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF32_LE: "UTF-32",  # Before UTF-16, whose mark is the start of this one.
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Encodings by the byte-order mark at the start of a file."""

_KINDS: Mapping[bytes, str] = {
    b"\x1f\x8b": "a gzip file; give it a name that ends in .gz",
    b"PK\x03\x04": "a zip archive or an Excel sheet; unpack it, or save the sheet as CSV",
    b"\xfd7zXZ\x00": "an xz archive; unpack it",
    b"BZh": "a bzip2 archive; unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive; unpack it",
    b"%PDF-": "a PDF document; save its text in a .txt file",
    b"PAR1": "a Parquet table; save it as CSV, for example with pandas",
    b"ARROW1": "an Arrow table; save it as CSV, for example with pandas",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file; save the data as text, as MATLAB of version 5 to 7 (save -v7), or as JSON",
    b"MATLAB 7.3": "a MATLAB file of version 7.3; save it in version 5 to 7 (save -v7), or as JSON",
    b"MATLAB 5.0": "a MATLAB file; the task music reads piano rolls from such files",
    b"SQLite format 3\x00": "an SQLite database; export the table as CSV",
    b"MThd": "a MIDI file; save the MIDI notes of each frame as JSON",
    b"\x93NUMPY": "a NumPy array; save it as text, or as JSON",
    b"\x89PNG\r\n\x1a\n": "a PNG picture; give a file of data",
    b"\xff\xd8\xff": "a JPEG picture; give a file of data",
    b"GIF8": "a GIF picture; give a file of data",
}
"""Kinds of files that are no text by the bytes at their start, each with a way out."""


class DecodedText(NamedTuple):
    """A text and a sentence on its encoding; the sentence is empty for plain UTF-8."""

    text: str
    note: str


def file_kind(data: bytes) -> str | None:
    r"""Return the kind of a file that is no text, with a way out; None if the kind is not known.

    >>> file_kind(b"PAR1\x15\x04")
    'a Parquet table; save it as CSV, for example with pandas'
    """
    # Protocols 2 to 5 start with their number, and protocol 0, which old data sets use, with a dictionary or a list.
    if re.match(rb"\x80[\x02-\x05]|\([dl]p\d+\r?\n", data) and data.rstrip().endswith(b"."):
        return (
            "a Python pickle, which is not read, because reading it could run any program; load it in Python where you "
            "trust it, and save the data as JSON"
        )
    return next((kind for start, kind in _KINDS.items() if data.startswith(start)), None)


def decode_text(name: str, data: bytes) -> DecodedText:
    r"""Return the text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark; the mark is removed.

    Args:
        name: name of the file, for error messages.
        data: contents of the file.

    Raises:
        SeqbenchError: the data are empty, have another encoding, or are no text; the message names the kind of file,
            or the line that cannot be decoded.

    >>> decode_text("train.txt", b"\xff\xfec\x00a\x00f\x00\xe9\x00")
    DecodedText(text='café', note='train.txt is read as UTF-16, because of its byte-order mark')
    """
    if not data:
        raise SeqbenchError(f"{name} is empty; expected a text in UTF-8.")
    if kind := file_kind(data):
        raise SeqbenchError(f"{name} is {kind}.")
    encoding = next((encoding for mark, encoding in _MARKS.items() if data.startswith(mark)), None)
    try:
        text = data.decode("utf-8-sig" if encoding in (None, "UTF-8") else encoding)
    except UnicodeDecodeError as error:
        raise SeqbenchError(_describe_failure(name, data, encoding, error.start)) from None
    if "\0" in text:
        raise SeqbenchError(_describe_zero_bytes(name, data, text))
    note = f"{Path(name).name} is read as {encoding}, because of its byte-order mark"
    return DecodedText(text, note if encoding not in (None, "UTF-8") else "")


def split_lines(text: str) -> list[str]:
    r"""Return the lines of a text that end in a line feed, in both or, in a text without line feeds, in a return.

    Other separators of Unicode, such as U+2028, may be part of a sentence and end no line.

    >>> split_lines("a\r\nb\u2028c\n"), split_lines("a\rb")
    (['a', 'b\u2028c', ''], ['a', 'b'])
    """
    return [line.removesuffix("\r") for line in text.split("\n")] if "\n" in text else text.split("\r")


def _describe_failure(name: str, data: bytes, encoding: str | None, place: int) -> str:
    """Return the message for a file that cannot be decoded at a byte.

    Args:
        name: name of the file.
        data: contents of the file.
        encoding: encoding that its byte-order mark shows; None without a mark.
        place: number of the first byte that cannot be decoded.
    """
    if encoding not in (None, "UTF-8"):
        return (
            f"{name} has the byte-order mark of {encoding}, but is not a text in it (byte {place}); convert it again."
        )
    line = data.count(b"\n", 0, place) + 1
    # Latin-1 has no letters from 0x80 to 0x9f, and Windows-1252 has quotation marks there.
    likely = "WINDOWS-1252" if re.search(rb"[\x80-\x9f]", data) else "LATIN1"
    short = Path(name).name
    return (
        f"{name} is not a text in UTF-8 (line {line}, byte {place} is 0x{data[place]:02x}); if it is in another "
        f"encoding, such as {likely}, convert it with `iconv -f {likely} -t UTF-8 {short} > new-{short}`, otherwise "
        f"remove it from the folder."
    )


def _describe_zero_bytes(name: str, data: bytes, text: str) -> str:
    """Return the message for a text with zero bytes, which may be in UTF-16 without a byte-order mark."""
    zeros = [data[start : start + 4000 : 2].count(0) for start in (0, 1)]
    half = min(len(data), 4000) // 2
    if half >= 8 and max(zeros) > 0.4 * half and min(zeros) < 0.1 * half:
        code = "UTF-16BE" if zeros[0] > zeros[1] else "UTF-16LE"
        short = Path(name).name
        return (
            f"{name} contains zero bytes and looks like {code} without a byte-order mark; convert it with "
            f"`iconv -f {code} -t UTF-8 {short} > new-{short}`."
        )
    line = text.count("\n", 0, text.index("\0")) + 1
    return f"{name} contains zero bytes (the first in line {line}), so it is not a text; remove it from the folder."
