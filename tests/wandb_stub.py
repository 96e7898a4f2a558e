"""A stub of the W&B server on this machine, for ``init``, ``log``, ``finish``, ``wandb sync`` and ``Api().runs()``.

It stores what it receives. ``wandb_stub_artifacts`` answers requests for artifacts.
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
import wandb

from tests.wandb_stub_artifacts import Artifacts, Json

KEY = "0123456789" * 4
"""An API key that wandb accepts: it checks only the length before it asks the server."""

ENTITY = "tester"


def isolate_wandb(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Hide the user's W&B key and settings, and let W&B write into a temporary folder.

    W&B reads its settings once in a process, and keeps those that an earlier test has set.
    """
    wandb.teardown()
    for name in list(os.environ):
        if name.startswith("WANDB_") or name.lower().endswith("_proxy"):
            patch.delenv(name)
    home = folder / "home"
    home.mkdir()
    patch.chdir(home)  # wandb also reads ./wandb/settings.
    patch.setenv("HOME", str(home))
    patch.setenv("NETRC", str(home / "netrc"))
    for name in ("CACHE_DIR", "CONFIG_DIR", "DATA_DIR"):
        patch.setenv(f"WANDB_{name}", str(home))


@dataclass
class StubRun:
    """One W&B run.

    ``rows`` holds the logged rows by their index. ``axes`` maps a metric, or ``*``, to its x axis; only a file has it.
    """

    id: str
    project: str
    name: str | None = None
    group: str | None = None
    tags: list[str] = field(default_factory=list)
    config: Json = field(default_factory=dict)
    rows: dict[int, Json] = field(default_factory=dict)
    axes: dict[str, str] = field(default_factory=dict)
    summary: Json = field(default_factory=dict)
    exit_code: int | None = None
    job_type: str | None = None
    entity: str | None = None
    notes: str | None = None

    @property
    def state(self) -> str:
        """The state, as W&B calls it."""
        return "running" if self.exit_code is None else "failed" if self.exit_code else "finished"

    @property
    def history(self) -> list[Json]:
        """The logged rows, in order."""
        return [row for _, row in sorted(self.rows.items())]


class WandbStub(Artifacts):
    """The server; it runs inside a ``with`` block.

    Attributes:
        runs: all runs, by id.
        requests: method and path of each request; the path of a GraphQL request ends with the name of its operation.
        unknown_operations: GraphQL operations without an answer here.
        run_queries: variables of each query for runs, with parsed filters.
        uploads: uploaded bytes, by the path of their URL.
        rejects_key: whether it answers each request with 401.
        unresponsive: if set, it keeps every connection open without an answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, StubRun] = {}
        self.requests: list[str] = []
        self.unknown_operations: list[str] = []
        self.run_queries: list[Json] = []
        self.uploads: dict[str, bytes] = {}
        self.rejects_key = False
        self.unresponsive = threading.Event()
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # The process of W&B may drop a connection at any time, which is no error.
        self._server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
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

            def _reply(self, answer: Json | None) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if stub.unresponsive.is_set():
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
                self.send_response(401 if stub.rejects_key else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def _post(self, path: str, body: bytes) -> Json:
        if path.endswith("/graphql"):
            request = json.loads(body)
            operation = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
            name = operation[1] if operation else request["query"]
            self.requests.append(f"POST {path} {name}")
            answer = getattr(self, f"_answer_{name}", None)
            if answer is None:
                self.unknown_operations.append(name)
                return {"data": {}}
            if self.rejects_artifacts and name == "CreateArtifact":
                return {"data": None, "errors": [{"message": "storage limit exceeded", "path": ["createArtifact"]}]}
            return {"data": answer(request.get("variables") or {})}
        self.requests.append(f"POST {path}")
        if path.endswith("/file_stream"):
            self._stream(path.split("/")[-2], json.loads(body))
        return {}

    def _stream(self, run_id: str, body: Json) -> None:
        run = self.runs[run_id]
        files = body.get("files") or {}
        if history := files.get("wandb-history.jsonl"):
            # By index, because W&B sends a row again if it was not acknowledged.
            for index, line in enumerate(history["content"], history["offset"]):
                run.rows[index] = json.loads(line)
        for line in files.get("wandb-summary.json", {}).get("content", ()):
            run.summary = json.loads(line)
        if body.get("complete"):
            run.exit_code = body["exitcode"]

    # Each of these methods answers the operation in its name.

    def _answer_Viewer(self, variables: Json) -> Json:
        viewer = {"id": "1", "entity": ENTITY, "username": ENTITY, "email": None, "flags": "{}"}
        return {"viewer": {**viewer, "teams": {"edges": []}}}

    def _answer_GetDefaultEntity(self, variables: Json) -> Json:
        return {"viewer": {"id": "1", "entity": ENTITY}}

    def _answer_ServerFeaturesQuery(self, variables: Json) -> Json:
        return {"serverInfo": {"features": []}}

    def _answer_OrganizationCoreWeaveOrganizationID(self, variables: Json) -> Json:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def _answer_RunResumeStatus(self, variables: Json) -> Json:
        run = self.runs.get(variables["name"])
        return {"model": {**self._project(variables["project"]), "bucket": run and self._bucket(run)}}

    def _answer_UpsertBucket(self, variables: Json) -> Json:
        inserted = variables["name"] not in self.runs
        if inserted:
            self.runs[variables["name"]] = StubRun(variables["name"], variables["project"])
        run = self.runs[variables["name"]]
        # A later request contains only what it changes.
        run.name = variables.get("displayName") or run.name
        run.group = variables.get("groupName") or run.group
        run.job_type = variables.get("jobType") or run.job_type
        run.tags = variables.get("tags") or run.tags
        if variables.get("config"):
            config = json.loads(variables["config"])
            run.config = {key: item["value"] for key, item in config.items() if key != "_wandb"}
        return {"upsertBucket": {"bucket": self._bucket(run), "inserted": inserted}}

    def _answer_CreateRunFiles(self, variables: Json) -> Json:
        run_id = variables["run"]
        files = [{"name": name, "uploadUrl": f"{self.url}/upload/{run_id}/{name}"} for name in variables["files"]]
        return {"createRunFiles": {"runID": run_id, "uploadHeaders": [], "files": files}}

    def _answer_Runs(self, variables: Json) -> Json:
        filters = json.loads(variables["filters"])
        self.run_queries.append({**variables, "filters": filters})
        known = variables["entity"] == ENTITY and any(r.project == variables["project"] for r in self.runs.values())
        if not known:
            return {"project": None}
        matching = [
            r for r in self.runs.values() if r.project == variables["project"] and _matches(self._node(r), filters)
        ]
        first = int(variables.get("cursor") or 0)
        page = list(enumerate(matching, 1))[first : first + variables["perPage"]]
        edges = [{"node": self._node(run), "cursor": str(number)} for number, run in page]
        info = {"endCursor": edges[-1]["cursor"] if edges else None, "hasNextPage": first + len(page) < len(matching)}
        answer = {"edges": edges, "pageInfo": info}
        return {"project": {"internalId": "1", "runCount": len(matching), "readOnly": False, "runs": answer}}

    def _node(self, run: StubRun) -> Json:
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

    def _bucket(self, run: StubRun) -> Json:
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
            "historyLineCount": len(run.rows),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "project": self._project(run.project),
        }

    def _project(self, name: str) -> Json:
        return {"id": f"project-{name}", "name": name, "entity": {"id": "1", "name": ENTITY}}


def _matches(node: Json, filters: Json) -> bool:
    """Return whether a run matches filters of MongoDB, as far as seqbench uses them."""
    fields = {**node, "config": json.loads(node["config"])}
    for path, wanted in filters.items():
        value: Any = fields
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value not in (wanted["$in"] if isinstance(wanted, dict) else [wanted]):
            return False
    return True
