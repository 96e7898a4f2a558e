"""What is deleted, and what never is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.running.stored import cleanup
from seqbench.running.stored.cleanup import Request, execute_deletion, plan_cleanup
from seqbench.running.stored.stored_runs import find_stored_runs, read_stored_run
from seqbench.utils.errors import SeqbenchError
from tests.running.stored.folders import fill_folder, write_killed, write_run, write_tuned

EVERYTHING = Request(True, True, True, True, True, True)


def clean(root: Path, request: Request) -> None:
    for one in plan_cleanup(find_stored_runs(root), request):
        execute_deletion(one, root)


def names(root: Path, request: Request) -> list[str]:
    return [one.run.folder.name for one in plan_cleanup(find_stored_runs(root), request)]


def test_each_kind_selects_its_runs_and_no_others(tmp_path: Path) -> None:
    trial, tuned = write_tuned(tmp_path)
    killed = write_killed(tmp_path)
    diverged = write_run(tmp_path, "diverged", status="diverged", reason="nan")
    failed = write_run(tmp_path, "failed", status="failed", reason="no")
    assert names(tmp_path, Request(trials=True)) == [trial.name]
    assert sorted(names(tmp_path, Request(failed=True))) == sorted([killed.name, failed.name])
    assert sorted(names(tmp_path, Request(finished=True))) == sorted([trial.name, tuned.name, diverged.name])
    assert sorted(names(tmp_path, Request(checkpoints=True))) == sorted([trial.name, tuned.name, diverged.name])


def test_only_checkpoints_of_finished_runs_are_deleted_so_that_others_can_be_resumed(tmp_path: Path) -> None:
    done, stopped = write_run(tmp_path), write_run(tmp_path, "stopped", status="interrupted", reason="Ctrl-C")
    record = (done / records.NAME).read_bytes()
    (one,) = plan_cleanup(find_stored_runs(tmp_path), Request(last_checkpoints=True))
    assert (one.whole, one.bytes, one.paths) == (False, 2000, (done / run_folder.LAST,))
    execute_deletion(one, tmp_path)
    assert (done / run_folder.BEST).is_file()
    clean(tmp_path, Request(checkpoints=True))
    assert not (done / run_folder.CHECKPOINTS).exists()
    assert (done / records.NAME).read_bytes() == record
    assert (stopped / run_folder.LAST).is_file()


def test_the_folders_of_a_run_in_the_shared_wandb_folder_are_deleted_by_its_id(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    done, failed = write_run(runs), write_run(runs, "failed", status="failed", reason="no")
    (done / run_folder.WANDB_ID).write_text("0123abcd\n")
    (failed / run_folder.WANDB_ID).write_text("*\n")
    for name in ("offline-run-1-0123abcd", "run-2-0123abcd", "run-3-99999999"):
        (runs / "wandb" / name).mkdir(parents=True)
        (runs / "wandb" / name / "run.wandb").write_bytes(b"x" * 10)
    plan = plan_cleanup(find_stored_runs(runs), Request(wandb=True))
    assert [(one.run.folder, one.whole, one.bytes) for one in plan] == [(done, False, 20)]
    assert cleanup.unsynced_wandb_runs(plan) == 1
    clean(runs, Request(wandb=True, finished=True))
    assert [path.name for path in (runs / "wandb").iterdir()] == ["run-3-99999999"]
    assert not done.exists()
    assert failed.is_dir()


def test_a_whole_run_is_deleted_with_the_empty_folders_above_it(tmp_path: Path) -> None:
    killed, kept = write_killed(tmp_path / "runs"), write_run(tmp_path / "runs")
    clean(tmp_path / "runs", Request(failed=True))
    assert not killed.parent.exists()
    assert kept.is_dir()
    clean(tmp_path / "runs", Request(finished=True))
    assert list((tmp_path / "runs").iterdir()) == []
    assert (tmp_path / "runs").is_dir()


def test_a_run_in_use_is_neither_planned_nor_deleted(tmp_path: Path) -> None:
    folder = write_killed(tmp_path)
    plan = plan_cleanup(find_stored_runs(tmp_path), Request(failed=True))
    with run_folder.lock_folder(folder):
        assert plan_cleanup(find_stored_runs(tmp_path), EVERYTHING) == []
        with pytest.raises(run_folder.BusyError):
            execute_deletion(plan[0], tmp_path)
    assert (folder / run_folder.LAST).is_file()


def test_a_run_that_has_changed_since_the_plan_stays(tmp_path: Path) -> None:
    folder = write_run(tmp_path, status="failed", reason="no")
    (one,) = plan_cleanup([replace(read_stored_run(folder), changed=1.0)], Request(failed=True))
    with pytest.raises(SeqbenchError, match="has changed since it was listed"):
        execute_deletion(one, tmp_path)
    assert (folder / records.NAME).is_file()


def test_a_folder_with_a_broken_record_is_never_deleted(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    (folder / records.NAME).write_text("{}")
    assert plan_cleanup(find_stored_runs(tmp_path), EVERYTHING) == []


def test_the_targets_of_links_stay(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "precious.txt").write_text("text")
    (shared / "last.ckpt").write_text("text")
    done, failed = write_run(tmp_path / "runs"), write_run(tmp_path / "runs", "f", status="failed", reason="no")
    for folder in (done, failed):
        for name in ("best.ckpt", "last.ckpt"):
            (folder / run_folder.CHECKPOINTS / name).unlink()
        (folder / run_folder.CHECKPOINTS).rmdir()
        (folder / run_folder.CHECKPOINTS).symlink_to(shared)
        (folder / "wandb").symlink_to(shared)
    clean(tmp_path / "runs", Request(checkpoints=True, wandb=True, failed=True))
    clean(tmp_path / "runs", Request(last_checkpoints=True))
    assert not failed.exists()
    assert (done / records.NAME).is_file()
    assert sorted(path.name for path in shared.iterdir()) == ["last.ckpt", "precious.txt"]


def test_young_runs_stay(tmp_path: Path) -> None:
    write_killed(tmp_path)
    assert names(tmp_path, Request(failed=True, older_than=3600.0)) == []
    assert names(tmp_path, Request(failed=True, older_than=0.0)) != []


def test_finished_runs_that_name_a_deleted_trial_are_counted(tmp_path: Path) -> None:
    write_tuned(tmp_path)
    runs = find_stored_runs(tmp_path)
    assert cleanup.trials_in_use(plan_cleanup(runs, Request(trials=True)), runs) == 1
    assert cleanup.trials_in_use(plan_cleanup(runs, Request(trials=True, finished=True)), runs) == 0
    assert cleanup.trials_in_use(plan_cleanup(runs, Request(checkpoints=True)), runs) == 0


def test_offline_runs_that_were_not_uploaded_are_counted(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    for name in ("offline-run-1-a", "offline-run-2-b"):
        (folder / "wandb" / name).mkdir(parents=True)
        (folder / "wandb" / name / "run.wandb").touch()
    (folder / "wandb" / "offline-run-2-b" / "run.wandb.synced").touch()
    plan = plan_cleanup(find_stored_runs(tmp_path), Request(wandb=True))
    assert cleanup.unsynced_wandb_runs(plan) == 1
    for one in plan:
        execute_deletion(one, tmp_path)
    assert not (folder / "wandb").exists()
    assert (folder / run_folder.BEST).is_file()


def test_a_file_of_the_user_in_a_run_folder_stays_and_is_returned(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    for name in ("notes.txt", "checkpoints/mine.ckpt", "figures/plot.pdf"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("text")
    (one,) = plan_cleanup(find_stored_runs(tmp_path), Request(finished=True))
    left = [str(path.relative_to(folder)) for path in execute_deletion(one, tmp_path)]
    assert left == ["checkpoints/mine.ckpt", "figures", "notes.txt"]
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["mine.ckpt", "notes.txt", "plot.pdf"]


def test_a_record_copied_to_the_folder_of_all_runs_deletes_runs_alone(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    done, killed = write_run(root), write_killed(root)
    (root / records.NAME).write_bytes((done / records.NAME).read_bytes())
    (one,) = plan_cleanup(find_stored_runs(root), Request(finished=True))
    assert one.run.folder == done
    clean(root, EVERYTHING)
    assert not done.exists()
    assert not killed.exists()
    assert [path.name for path in root.iterdir()] == [records.NAME]


def test_a_project_with_a_configuration_and_checkpoints_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_killed(tmp_path / "runs")
    fill_folder(tmp_path, {"arch": {"name": "gru"}, "task": {"name": "copy"}})
    for name in ("my_file.py", ".git/HEAD"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    clean(Path(), EVERYTHING)
    left = {str(path) for path in Path().rglob("*") if path.is_file()}
    assert left == {"my_file.py", ".git/HEAD", ".lock", "config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt"}


def test_a_folder_with_a_copied_record_stays(tmp_path: Path) -> None:
    done, paper = write_run(tmp_path / "runs"), tmp_path / "paper"
    paper.mkdir()
    (paper / records.NAME).write_bytes((done / records.NAME).read_bytes())
    (paper / "thesis.tex").touch()
    clean(tmp_path, EVERYTHING)
    assert not done.exists()
    assert sorted(path.name for path in paper.iterdir()) == [records.NAME, "thesis.tex"]


def test_a_run_below_another_keeps_both_also_if_it_starts_after_the_plan(tmp_path: Path) -> None:
    outer = write_run(tmp_path)
    (one,) = plan_cleanup(find_stored_runs(tmp_path), Request(finished=True))
    inner = write_killed(outer / "more")
    with run_folder.lock_folder(inner):
        assert plan_cleanup(find_stored_runs(tmp_path), EVERYTHING) == []
        with pytest.raises(SeqbenchError, match="has changed"):
            execute_deletion(one, tmp_path)
    assert (inner / run_folder.LAST).is_file()
    assert (outer / run_folder.BEST).is_file()


def test_a_folder_that_cannot_be_removed_is_reported_as_partly_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path)
    (one,) = plan_cleanup(find_stored_runs(tmp_path), Request(finished=True))
    remove = Path.rmdir

    def refuse(path: Path) -> None:
        if path == folder:
            raise PermissionError(13, "Permission denied", str(path))
        remove(path)

    monkeypatch.setattr(Path, "rmdir", refuse)
    with pytest.raises(cleanup.PartlyDeletedError, match="cannot be deleted: Permission denied"):
        execute_deletion(one, tmp_path)
    assert list(folder.iterdir()) == []


def test_a_run_that_contains_the_current_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path)
    for place, request in ((folder, Request(finished=True)), (folder / "checkpoints", Request(checkpoints=True))):
        monkeypatch.chdir(place)
        with pytest.raises(SeqbenchError, match="contains the current folder"):
            clean(tmp_path, request)
    assert (folder / run_folder.BEST).is_file()


def test_the_current_folder_stays_although_it_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path)
    monkeypatch.chdir(folder.parent)
    clean(tmp_path, Request(finished=True))
    assert not folder.exists()
    assert folder.parent.is_dir()
