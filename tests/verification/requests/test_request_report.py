from __future__ import annotations

from seqbench.protocol.record_fields import VerificationStamp
from seqbench.verification.requests.request_changes import Refusal
from seqbench.verification.requests.request_report import MOST_SHOWN, RecordResult, RequestReport, render_report

STAMP = VerificationStamp(how="trained again", by="ci", checksum="0" * 64)


def test_a_request_passes_if_nothing_is_refused() -> None:
    good = RecordResult("a.json", "gru on copy", stamp=STAMP)
    bad = RecordResult("b.json", "lstm on copy", ["scores: 0.9 is 0.2", "weights was not checked"])
    assert RequestReport([good]).ok
    assert RequestReport([good]).verdict == "1 new record, verified with the code of the base branch"
    assert RequestReport().verdict == "no new record"
    assert not RequestReport([good, bad]).ok
    assert RequestReport([good, bad], [Refusal("x.py", "code")]).verdict == (
        "REFUSED: 1 of 2 new records refused, 1 change refused"
    )


def test_the_summary_names_each_refused_file_and_record_with_its_reasons() -> None:
    bad = RecordResult("b.json", "lstm on copy", ["scores: 0.9 is 0.2", "weights was not checked"])
    good = RecordResult("a.json", "gru on copy", stamp=STAMP)
    text = render_report(RequestReport([good, bad], [Refusal("seqbench/x.py", "it changes code")], pages=2))
    assert "- `seqbench/x.py`: it changes code" in text
    assert "| `a.json` | gru on copy  | trained again |" in text
    assert "- `b.json`\n  - scores: 0.9 is 0.2\n  - weights was not checked" in text
    assert "2 pages of the request not used" in text


def test_texts_of_a_request_are_neither_markdown_nor_html() -> None:
    attack = "<img src=x> [x](javascript:alert) `a|b`\n# head @team"
    text = render_report(RequestReport([RecordResult(attack, attack, [attack])], [Refusal(attack, attack)]))
    assert "<img" not in text
    assert "\n# head" not in text
    assert "](javascript" not in text.replace("\\]", "")


def test_a_long_list_is_cut_and_says_so() -> None:
    many = [Refusal(f"{number}.py", "it adds code") for number in range(MOST_SHOWN + 5)]
    assert "... and 5 more" in render_report(RequestReport([], many))
