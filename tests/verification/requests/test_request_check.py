from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard import submissions
from seqbench.protocol import records
from seqbench.protocol.record_fields import VerificationStamp
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.requests import plugin_wheels
from seqbench.verification.requests.request_check import check_request
from seqbench.verification.requests.request_report import RequestReport, render_report
from tests.leaderboard.kit import example_record
from tests.record_data import changed_record
from tests.verification.requests.kit import FakeVerification, add_record, build_folders, new_record, offer_run


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return build_folders(tmp_path)


def check(folders: tuple[Path, Path], verify: FakeVerification | None = None, **options: Any) -> RequestReport:
    return check_request(*folders, verify_record=verify or FakeVerification(), **options)


def problems(report: RequestReport) -> str:
    """Return all reasons of a refused request as one text."""
    assert not report.ok
    return "; ".join([*(one.reason for one in report.refused), *(p for one in report.records for p in one.problems)])


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (folder / "leaderboards").rglob("*") if path.is_file()}


def test_a_verified_record_is_written_with_the_stamp_of_ci_and_the_pages_count_it(folders: tuple[Path, Path]) -> None:
    base, request = folders
    name = add_record(request, new_record(seed=1)).relative_to(request)
    (request / "leaderboards/mine/README.md").write_text("I win")
    before = snapshot(base)
    assert check(folders).ok
    assert snapshot(base) == before  # Without --stamp nothing is written.
    report = check(folders, stamp=True)
    assert report.written
    stamped = records.read_record(base / name)
    assert stamped.verified is not None
    assert (stamped.verified.by, stamped.verified.how) == ("ci", "trained again")
    assert stamped.verified.belongs_to(stamped.digest())
    assert stamped.verified.source is not None
    assert submissions.check_board(base / "leaderboards", "mine") == (2, [])
    assert "1 of 2 by CI, 1 stated by the submitter, 0 unverified" in (base / "leaderboards/mine/README.md").read_text()


def test_a_skipped_or_wrong_check_refuses_the_record_and_nothing_is_written(folders: tuple[Path, Path]) -> None:
    base, request = folders
    add_record(request, new_record(seed=1))
    before = snapshot(base)
    for states in ({"configuration": "skipped", "retrain": "skipped"}, {"record": "ok", "retrain": "wrong"}):
        report = check(folders, FakeVerification(**states), stamp=True)  # type: ignore[arg-type]  # States by name.
        assert "no checkpoint was offered, so the run had to be trained again" in problems(report)
        assert not report.written
    assert snapshot(base) == before


def test_one_refused_record_keeps_all_others_out(folders: tuple[Path, Path]) -> None:
    base, request = folders
    add_record(request, new_record(seed=1))
    add_record(request, new_record("parity", seed=0), "wrong-name.json")
    assert "it belongs at parity/gru/" in problems(check(folders, stamp=True))
    assert submissions.check_board(base / "leaderboards", "mine") == (1, [])


def test_records_without_a_checkpoint_are_trained_again_and_a_sample_of_the_others(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    _, request = folders
    for seed in (1, 2):
        add_record(request, new_record(seed=seed))
    add_record(request, new_record("parity", seed=0))
    for seed in (1, 2):
        offer_run(tmp_path / "offered", new_record(seed=seed))
    verify = FakeVerification(record="ok", scores="ok", retrain="ok")
    report = check(folders, verify, checkpoints=tmp_path / "offered", retrain=0)
    assert sorted(verify.asked) == [("seed 0", False, True), ("seed 1", True, False), ("seed 2", True, False)]
    assert sorted(one.stamp.how for one in report.records if one.stamp) == [
        "checkpoint scored again",
        "checkpoint scored again",
        "trained again",
    ]
    verify = FakeVerification()
    check(folders, verify, checkpoints=tmp_path / "offered", retrain=1)
    assert sum(retrain for _, _, retrain in verify.asked) == 2


def test_a_plugin_is_never_trained_here_and_so_needs_a_checkpoint(folders: tuple[Path, Path], tmp_path: Path) -> None:
    _, request = folders
    record = new_record(arch="theirs", distribution="their-package")
    add_record(request, record)
    verify = FakeVerification()
    assert "no checkpoint was offered, and a run of 'their-package' is not trained again" in problems(
        check(folders, verify)
    )
    assert verify.asked == []
    offer_run(tmp_path / "offered", record)
    assert check(folders, verify, checkpoints=tmp_path / "offered", retrain=5).ok
    assert verify.asked == [("seed 0", True, False)]
    verify.isolation, verify.confined = "confined by Python's audit hook only", False
    report = check(folders, verify, checkpoints=tmp_path / "offered")
    assert "does not confine the process of a net (confined by Python's audit hook only)" in problems(report)


def test_no_net_is_judged_where_the_kernel_does_not_confine_its_process(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    record = new_record(seed=1)
    add_record(folders[1], record)
    offer_run(tmp_path / "offered", record)
    verify = FakeVerification()
    verify.confined = False
    report = check(folders, verify, checkpoints=tmp_path / "offered", retrain=0, stamp=True)
    assert "does not confine the process of a net" in problems(report)
    assert not report.written


def test_other_seeds_are_those_of_the_base_and_never_those_of_the_request(folders: tuple[Path, Path]) -> None:
    base, request = folders
    for seed in (1, 2):
        add_record(request, new_record(seed=seed))
    verify = FakeVerification()
    assert check(folders, verify).ok
    assert verify.beside == [base / "leaderboards" / "mine" / "results"] * 2


def test_a_record_of_an_older_seqbench_is_refused_and_those_of_the_board_stay(folders: tuple[Path, Path]) -> None:
    base, request = folders
    add_record(request, example_record(seed=1))
    verify = FakeVerification()
    assert (
        "it was written by an older seqbench, without config.initial_weights, config.first_batch, config.sources, "
        "results.predictions; run it again with this version"
    ) in problems(check(folders, verify))
    assert verify.asked == []
    assert submissions.check_board(base / "leaderboards", "mine") == (1, [])  # Its record is as old.


def test_plugins_are_installed_for_the_nets_and_a_failure_is_said(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, request = folders
    record = new_record(arch="theirs", distribution="their-package", version="1.0")
    add_record(request, record)
    offer_run(tmp_path / "offered", record)
    seen: list[object] = []

    def install(plugins: list[tuple[str, str]], folder: Path) -> list[str]:
        seen.extend(plugins)
        return ["their-package 1.0 could not be installed"]

    monkeypatch.setattr(plugin_wheels, "install_plugins", install)
    report = check(folders, checkpoints=tmp_path / "offered", install=True)
    assert seen == [("their-package", "1.0")]
    assert "could not be installed" in render_report(report)
    seen.clear()
    check(folders, checkpoints=tmp_path / "offered")
    assert seen == []


def test_a_plugin_that_does_not_exist_is_refused_with_any_stamp(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Attempt 18: a hand-written stamp, and checks that are all skipped."""
    _, request = folders
    stamp = VerificationStamp(how="trained again")
    record = new_record(arch="ghost", distribution="no-such-package", verified=stamp)
    offer_run(tmp_path / "offered", record)
    add_record(request, record)
    skipped = FakeVerification(record="ok", configuration="skipped", weights="skipped", scores="skipped")
    assert "was not checked" in problems(check(folders, skipped, checkpoints=tmp_path / "offered"))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (new_record(seed=1, verified=VerificationStamp(how="trained again", by="ci")), "a stamp of CI"),
        (
            new_record(
                seed=1,
                verified=VerificationStamp(how="trained again", by="ci", checksum=new_record(seed=1).digest()),
            ),
            "a stamp of CI, which the request wrote itself",
        ),
        (
            new_record(seed=1, verified=VerificationStamp(how="trained again", checksum="0" * 64)),
            "its stamp of verification belongs to another record",
        ),
        (new_record(seed=1, distribution=None), "its architecture was given by its path"),
        (new_record(seed=1, modified=("optim.steps",)), "it departs from the card in optim.steps"),
        (new_record(seed=9), "its seed is 9"),
        (changed_record(new_record(seed=1), "config.git_commit", "abc+changes"), "uncommitted changes"),
        (changed_record(new_record(seed=1), "results.sample", "a secret"), "it holds a sample"),
        (changed_record(new_record(seed=1), "results.metrics.test.accuracy.value", 1e20), "above 1, the highest"),
        (
            replace(new_record(arch="rnn"), results=new_record().results),
            "",
        ),
    ],
)
def test_a_record_that_cannot_count_is_refused_before_it_is_verified(
    folders: tuple[Path, Path], record: Record, reason: str
) -> None:
    """Attempts 19 (impossible values) and 18 (own stamps) among others."""
    _, request = folders
    add_record(request, record)
    verify = FakeVerification()
    if not reason:
        assert check(folders, verify).ok
        return
    assert reason in problems(check(folders, verify))
    assert verify.asked == []


def test_a_second_record_of_a_cell_is_refused(folders: tuple[Path, Path]) -> None:
    _, request = folders
    add_record(request, new_record(value=0.99), "small-s0-11111111.json")
    assert "it is a second record of one cell" in problems(check(folders))


def test_the_first_records_of_a_board_may_change_no_chance_score_of_others(folders: tuple[Path, Path]) -> None:
    _, request = folders
    for seed in (1, 2):
        record = new_record(seed=seed)
        record = changed_record(record, "results.metrics.test.accuracy.chance", 0.9)
        add_record(request, record)
    assert "chance and best possible are" in problems(check(folders))


def test_an_edited_record_and_a_file_that_is_no_record_are_refused(folders: tuple[Path, Path]) -> None:
    _, request = folders
    path = add_record(request, new_record(seed=1))
    path.with_name("data.json").write_text("{}")
    assert "it is not a record" in problems(check(folders))
    path.with_name("data.json").unlink()
    path.write_text(path.read_text().replace("0.9", "0.95"))
    assert "edited after it was written" in problems(check(folders))


def test_an_invented_diverged_record_counts_only_if_training_again_diverges_too(folders: tuple[Path, Path]) -> None:
    """Attempt 20: the record of a rival that never diverged."""
    base, request = folders
    record = new_record(arch="rival", seed=0, status="diverged", reason="the training loss is nan at step 7")
    add_record(request, record)
    assert "retrain: retrain so" in problems(
        check(folders, FakeVerification(record="ok", scores="skipped", retrain="wrong"))
    )
    verify = FakeVerification(record="ok", lines="skipped", weights="skipped", scores="skipped", retrain="ok")
    assert check(folders, verify, stamp=True).written
    assert verify.asked == [("seed 0", False, True)]
    data, _ = submissions.check_records(base / "leaderboards", "mine")
    assert data.verification == {"ci": 1, "submitter": 1, "unverified": 0}


def test_changed_code_is_refused_and_no_record_is_verified(folders: tuple[Path, Path]) -> None:
    """Attempt 21: a request that changes the verification itself."""
    _, request = folders
    add_record(request, new_record(seed=1))
    (request / "seqbench").unlink()
    (request / "seqbench").mkdir()
    (request / "seqbench" / "verify.py").write_text("def verify(): return True")
    verify = FakeVerification()
    report = check(folders, verify)
    assert "open a request of its own" in problems(report)
    assert "seqbench/verify.py" in {one.path for one in report.refused}
    assert "it was not verified, because other parts of the request are refused" in problems(report)
    assert verify.asked == []


def test_a_record_without_checkpoint_and_data_is_refused_with_the_reason(folders: tuple[Path, Path]) -> None:
    """Attempt 2: a score that was edited in the record alone, of a task whose data are not at hand."""
    _, request = folders
    add_record(request, new_record(seed=1))
    verify = FakeVerification(record="ok", lines="skipped", weights="skipped", scores="skipped", retrain="skipped")
    text = problems(check(folders, verify))
    assert "no checkpoint was offered, so the run had to be trained again" in text
    assert "retrain was not checked: retrain so" in text


def test_a_later_job_writes_records_that_an_earlier_job_has_stamped(folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, request = folders
    record = new_record(seed=1)
    add_record(request, record)
    verify = FakeVerification()
    assert "it has no stamp of CI" in problems(check(folders, verify, stamp=True, stamped=True))
    stamp = VerificationStamp(how="trained again", by="ci", checksum=record.digest())
    name = add_record(request, replace(record, verified=stamp)).relative_to(request)
    assert check(folders, verify, stamp=True, stamped=True).written
    assert verify.asked == []
    assert records.read_record(base / name).verified == stamp
    add_record(request, new_record(seed=2, verified=stamp))
    assert "it has no stamp of CI that belongs to it" in problems(check(folders, verify, stamped=True))


def test_a_record_of_a_board_that_the_base_does_not_have_is_refused(folders: tuple[Path, Path]) -> None:
    _, request = folders
    path = add_record(request, new_record(seed=1))
    theirs = request / "leaderboards" / "theirs" / path.relative_to(request / "leaderboards" / "mine")
    theirs.parent.mkdir(parents=True)
    path.rename(theirs)
    assert "the base has no such board" in problems(check(folders))


def test_code_that_is_not_that_of_the_base_is_an_error(folders: tuple[Path, Path]) -> None:
    base, _ = folders
    (base / "seqbench").unlink()
    (base / "seqbench").mkdir()
    with pytest.raises(SeqbenchError, match="this seqbench is not that of"):
        check(folders)
