from __future__ import annotations

import pytest

from seqbench.protocol.identity import source_changes
from seqbench.protocol.record_fields import SourceDescription
from seqbench.utils.errors import NotAtHand

RECORDED = {"my_file:MyNet": SourceDescription(digest="0", files={"my_file.py": "1", "helper.py": "2"})}


def test_the_recorded_source_is_accepted() -> None:
    source_changes.require_recorded_files(RECORDED, {"my_file:MyNet": {"helper.py": "2", "my_file.py": "1"}})
    source_changes.require_planned_files({"n": {"a.py": "1"}}, {"n": {"a.py": "1"}})


def test_a_record_of_an_earlier_seqbench_is_not_checked() -> None:
    source_changes.require_recorded_files({}, {"my_file:MyNet": {"my_file.py": "1"}})


@pytest.mark.parametrize(
    ("files", "change"),
    [
        ({"my_file.py": "9", "helper.py": "2"}, "file my_file.py;"),
        ({"my_file.py": "1"}, "file helper.py is gone;"),
        ({"my_file.py": "1", "helper.py": "2", "new.py": "3"}, "file new.py is new;"),
        ({"my_file.py": "9", "helper.py": "9"}, "file helper.py; file my_file.py;"),
    ],
)
def test_another_source_is_refused_with_the_files_that_differ(files: dict[str, str], change: str) -> None:
    with pytest.raises(NotAtHand, match=f"^the source of my_file:MyNet has changed since the run: {change}"):
        source_changes.require_recorded_files(RECORDED, {"my_file:MyNet": files})
    planned = {name: source.files for name, source in RECORDED.items()}
    with pytest.raises(NotAtHand, match=f"has changed since the run was planned: {change} give the command again"):
        source_changes.require_planned_files(planned, {"my_file:MyNet": files})


def test_a_long_list_of_files_is_cut() -> None:
    text = source_changes.describe_changes({f"{number}.py": "1" for number in range(8)}, {})
    assert text.count("is gone") == 5
    assert text.endswith("; and 3 more")
