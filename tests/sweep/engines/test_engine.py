from __future__ import annotations

import pickle

from seqbench.sweep.engines.engine import FinishedJob, Job, JobFailure


def test_two_jobs_with_the_same_call_are_different() -> None:
    # Engines keep jobs in dictionaries, also jobs whose arguments cannot be hashed.
    first, second = Job(sorted, ([3, 1],)), Job(sorted, ([3, 1],))
    assert first != second
    assert len({first: 1, second: 2}) == 2


def test_a_job_has_no_time_limit_and_one_device_by_default() -> None:
    job = Job(sorted, ([3, 1],))
    assert (job.limit, job.devices, job.nodes) == (None, 1, 1)


def test_a_failure_can_be_sent_to_another_process() -> None:
    failure = JobFailure("timeout", "stopped after 5 s, the time limit", "last words")
    assert pickle.loads(pickle.dumps(failure)) == failure
    assert FinishedJob(Job(sorted, ()), failure=failure).value is None
