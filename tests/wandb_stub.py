"""A stand-in for the W&B server on loopback: it serves init, log, finish, ``wandb sync`` and ``Api().runs()``.

It remembers what it was sent and asked; artifacts are served by ``wandb_stub_artifacts``.
"""

from __future__ import annotations

import json
import os
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_stub_artifacts import Artifacts

KEY = "0123456789" * 4
"""What wandb takes for an API key: only the length is checked before the server is asked."""

ENTITY = "tester"


def isolate(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """No key and no settings of W&B but the test's own."""
    for name in list(os.environ):
        if name.startswith("WANDB_") or name.lower().endswith("_proxy"):
            patch.delenv(name)
    home = folder / "home"
    home.mkdir()
    patch.chdir(home)  # ./wandb/settings counts too.
    patch.setenv("HOME", str(home))
    patch.setenv("NETRC", str(home / "netrc"))
    for name in ("DIR", "CACHE_DIR", "CONFIG_DIR", "DATA_DIR"):
        patch.setenv(f"WANDB_{name}", str(home))


@dataclass
class StubRun:
    """What is known of one W&B run; ``axes`` (metric or ``*`` to its x axis) only from its file."""

    id: str
    project: str
    name: str | None = None
    group: str | None = None
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)
    axes: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    job_type: str | None = None

    @property
    def state(self) -> str:
        """As W&B calls it."""
        return "running" if self.exit_code is None else "failed" if self.exit_code else "finished"

    @property
    def history(self) -> list[dict[str, Any]]:
        """The rows that were logged, in order."""
        return [row for _, row in sorted(self.lines.items())]


class WandbStub(Artifacts):
    """The server, from ``with`` to its end.

    Attributes:
        runs: by their id, all that were begun.
        requests: method and path of everything asked; a GraphQL path ends in the operation's name.
        unknown: GraphQL operations that it has no answer for.
        asked: variables of each request for runs, with the filters parsed.
        uploads: by the path of its URL, what was put there.
        refuses: it knows no key.
        silent: set, it keeps every connection and says nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, StubRun] = {}
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.refuses = False
        self.silent = threading.Event()
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # W&B's process keeps connections that it may drop at any time.
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> WandbStub:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._reply({})

            def do_PUT(self) -> None:
                self._reply({})

            def do_POST(self) -> None:
                self._reply(None)

            def _reply(self, answer: dict[str, Any] | None) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if stub.silent.is_set():
                    stub._closed.wait()
                    self.close_connection = True
                    return
                with stub._lock:
                    if answer is None:
                        answer = stub._post(self.path, body)
                    else:
                        stub.requests.append(f"{self.command} {self.path}")
                        stub.uploads |= {self.path: body} if self.command == "PUT" else {}
                data = json.dumps(answer).encode()
                self.send_response(401 if stub.refuses else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def _post(self, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("/graphql"):
            asked = json.loads(body)
            operation = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
            name = operation[1] if operation else asked["query"]
            self.requests.append(f"POST {path} {name}")
            answer = getattr(self, f"_answer_{name}", None)
            if answer is None:
                self.unknown.append(name)
                return {"data": {}}
            if self.full and name == "CreateArtifact":
                return {"data": None, "errors": [{"message": "storage limit exceeded", "path": ["createArtifact"]}]}
            return {"data": answer(asked.get("variables") or {})}
        self.requests.append(f"POST {path}")
        if path.endswith("/file_stream"):
            self._stream(path.split("/")[-2], json.loads(body))
        return {}

    def _stream(self, run_id: str, body: dict[str, Any]) -> None:
        run = self.runs[run_id]
        files = body.get("files") or {}
        if history := files.get("wandb-history.jsonl"):
            # By their place, because a line that was not acknowledged comes again.
            for index, line in enumerate(history["content"], history["offset"]):
                run.lines[index] = json.loads(line)
        for line in files.get("wandb-summary.json", {}).get("content", ()):
            run.summary = json.loads(line)
        if body.get("complete"):
            run.exit_code = body["exitcode"]

    # One answer an operation, named after it.

    def _answer_Viewer(self, variables: dict[str, Any]) -> dict[str, Any]:
        viewer = {"id": "1", "entity": ENTITY, "username": ENTITY, "email": None, "flags": "{}"}
        return {"viewer": {**viewer, "teams": {"edges": []}}}

    def _answer_GetDefaultEntity(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"viewer": {"id": "1", "entity": ENTITY}}

    def _answer_ServerFeaturesQuery(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def _answer_OrganizationCoreWeaveOrganizationID(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def _answer_RunResumeStatus(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(variables["name"])
        return {"model": {**self._project(variables["project"]), "bucket": run and self._bucket(run)}}

    def _answer_UpsertBucket(self, variables: dict[str, Any]) -> dict[str, Any]:
        inserted = variables["name"] not in self.runs
        if inserted:
            self.runs[variables["name"]] = StubRun(variables["name"], variables["project"])
        run = self.runs[variables["name"]]
        # A later call names only what it changes.
        run.name = variables.get("displayName") or run.name
        run.group = variables.get("groupName") or run.group
        run.job_type = variables.get("jobType") or run.job_type
        run.tags = variables.get("tags") or run.tags
        if variables.get("config"):
            config = json.loads(variables["config"])
            run.config = {key: item["value"] for key, item in config.items() if key != "_wandb"}
        return {"upsertBucket": {"bucket": self._bucket(run), "inserted": inserted}}

    def _answer_CreateRunFiles(self, variables: dict[str, Any]) -> dict[str, Any]:
        run_id = variables["run"]
        files = [{"name": name, "uploadUrl": f"{self.url}/upload/{run_id}/{name}"} for name in variables["files"]]
        return {"createRunFiles": {"runID": run_id, "uploadHeaders": [], "files": files}}

    def _answer_Runs(self, variables: dict[str, Any]) -> dict[str, Any]:
        filters = json.loads(variables["filters"])
        self.asked.append({**variables, "filters": filters})
        known = variables["entity"] == ENTITY and any(r.project == variables["project"] for r in self.runs.values())
        if not known:
            return {"project": None}
        found = [
            r for r in self.runs.values() if r.project == variables["project"] and _matches(self._node(r), filters)
        ]
        first = int(variables.get("cursor") or 0)
        page = list(enumerate(found, 1))[first : first + variables["perPage"]]
        edges = [{"node": self._node(run), "cursor": str(place)} for place, run in page]
        info = {"endCursor": edges[-1]["cursor"] if edges else None, "hasNextPage": first + len(page) < len(found)}
        answer = {"edges": edges, "pageInfo": info}
        return {"project": {"internalId": "1", "runCount": len(found), "readOnly": False, "runs": answer}}

    def _node(self, run: StubRun) -> dict[str, Any]:
        return {
            **self._bucket(run),
            "projectId": "1",
            "state": run.state,
            "group": run.group,
            "jobType": run.job_type,
            "user": {"name": ENTITY, "username": ENTITY},
            "systemMetrics": "{}",
            "createdAt": "2020-01-01T00:00:00Z",
        }

    def _bucket(self, run: StubRun) -> dict[str, Any]:
        return {
            "id": f"storage-{run.id}",
            "name": run.id,
            "displayName": run.name,
            "description": None,
            "notes": None,
            "sweepName": None,
            "tags": run.tags,
            "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
            "wandbConfig": json.dumps({"t": 1}),
            "summaryMetrics": json.dumps(run.summary),
            "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
            "eventsTail": "[]",
            "historyLineCount": len(run.lines),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "project": self._project(run.project),
        }

    def _project(self, name: str) -> dict[str, Any]:
        return {"id": f"project-{name}", "name": name, "entity": {"id": "1", "name": ENTITY}}


def _matches(node: dict[str, Any], filters: dict[str, Any]) -> bool:
    """Whether a run is what filters ask for: those of MongoDB, as far as they are used here."""
    known = {**node, "config": json.loads(node["config"])}
    for path, wanted in filters.items():
        value: Any = known
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value not in (wanted["$in"] if isinstance(wanted, dict) else [wanted]):
            return False
    return True
