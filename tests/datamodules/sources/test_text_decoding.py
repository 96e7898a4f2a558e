"""Encodings of texts, and the names of files that are no texts."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.sources.text_decoding import decode_text, file_kind, split_lines
from seqbench.utils.errors import SeqbenchError


def test_text_is_decoded_without_its_byte_order_mark() -> None:
    assert decode_text("a.txt", b"\xef\xbb\xbfcaf\xc3\xa9\r\n") == ("café\r\n", "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_marked_encoding_is_read_and_said(encoding: str) -> None:
    text, note = decode_text("in/a.txt", "naïve\n".encode(encoding))
    assert text == "naïve\n"
    assert note == f"a.txt is read as {encoding.upper()}, because of its byte-order mark"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), min_size=1))
def test_every_text_is_read_in_every_marked_encoding(text: str) -> None:
    assert all(decode_text("a", text.encode(code)).text == text for code in ("utf-8-sig", "utf-16", "utf-32"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.txt is empty"),
        (b"abc\xff", r"not a text in UTF-8 \(line 1, byte 3 is 0xff\)"),
        ("one\ntwo\ncafé\n".encode("latin-1"), "line 3, byte 11 is 0xe9.*`iconv -f LATIN1 -t UTF-8 a.txt > new-a.txt"),
        ("“quoted”".encode("windows-1252"), "`iconv -f WINDOWS-1252"),
        (b"a\nb\0", r"a.txt contains zero bytes \(the first in line 2\)"),
        ("a long text".encode("utf-16-le"), "looks like UTF-16LE without a byte-order mark; .*`iconv -f UTF-16LE"),
        ("a long text".encode("utf-16-be"), "looks like UTF-16BE"),
        (b"\xff\xfe\x00", "has the byte-order mark of UTF-16, but is not a text in it"),
        (gzip.compress(b"text", mtime=0), r"is a gzip file; give it a name that ends in \.gz"),
        (pickle.dumps(["text"]), "is a Python pickle, which is not read"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"PAR1", "is a Parquet table"),
    ],
)
def test_data_that_is_not_text_is_refused_by_its_kind(data: bytes, message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        decode_text("a.txt", data)


def test_a_zip_archive_has_a_kind_and_a_text_has_none() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "text")
    assert file_kind(archive.getvalue()) == "a zip archive or an Excel sheet; unpack it, or save the sheet as CSV"
    assert file_kind(b"PK is no archive") is None


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")), min_size=2))
def test_lines_end_in_a_line_feed_in_a_return_or_in_both(lines: list[str]) -> None:
    for end in ("\n", "\r\n", "\r"):
        assert split_lines(end.join(lines)) == lines
