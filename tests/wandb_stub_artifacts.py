"""The part of the W&B stub that takes artifacts: a table is one, and without these answers W&B's process dies."""

from __future__ import annotations

import json
from typing import Any


class Artifacts:
    """Answers for what ``log_artifact`` asks, one an operation, named after it.

    Attributes:
        artifacts: by their id, what was asked for when each was made, with ``committed`` once it is whole.
        full: it has no place for another, and says so.
        uploads: the server's.
        url: the server's.
    """

    uploads: dict[str, bytes]
    url: str

    def __init__(self) -> None:
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.full = False

    def table(self, type_name: str) -> dict[str, Any]:
        """The content of the table in the only artifact of a type."""
        (found,) = [key for key, made in self.artifacts.items() if made["artifactTypeName"] == type_name]
        assert self.artifacts[found]["committed"]
        (path,) = [
            path for path in self.uploads if path.startswith(f"/artifact/{found}/") and path.endswith(".table.json")
        ]
        return json.loads(self.uploads[path])  # type: ignore[no-any-return]

    def _answer_ArtifactType(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"project": {"artifact": None}}

    def _answer_CreateArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        number = str(len(self.artifacts) + 1)
        self.artifacts[number] = {**variables["input"], "committed": False}
        return {"createArtifact": {"artifact": {"id": number, "state": "PENDING", "artifactSequence": {}}}}

    def _answer_CreateArtifactManifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        file = {"id": "1", "uploadUrl": f"{self.url}/manifest/{variables['artifactID']}", "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": "1", "file": file}}}

    def _answer_CreateArtifactFiles(self, variables: dict[str, Any]) -> dict[str, Any]:
        nodes = [
            {
                "storagePath": file["name"],
                "uploadUrl": f"{self.url}/artifact/{file['artifactID']}/{file['name']}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": file["artifactID"]},
            }
            for file in variables["input"]["artifactFiles"]
        ]
        return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}

    def _answer_CommitArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        made = self.artifacts[variables["artifactID"]]
        made["committed"] = True
        return {"commitArtifact": {"artifact": {"id": variables["artifactID"], "digest": made["digest"]}}}

    def _answer_ArtifactByID(self, variables: dict[str, Any]) -> dict[str, Any]:
        made = self.artifacts[variables["id"]]
        project = {"id": "1", "internalId": "1", "name": made["projectName"], "entity": {"name": made["entityName"]}}
        name = made["artifactCollectionName"]
        artifact = {
            "__typename": "Artifact",
            "id": variables["id"],
            "artifactSequence": {"__typename": "ArtifactSequence", "name": name, "project": project},
            "versionIndex": 0,
            "artifactType": {"name": made["artifactTypeName"]},
            "description": None,
            "metadata": None,
            "ttlDurationSeconds": 0,
            "ttlIsInherited": True,
            "tags": [],
            "historyStep": None,
            "state": "COMMITTED",
            "size": 1,
            "digest": made["digest"],
            "commitHash": "1",
            "fileCount": 1,
            "createdAt": "2020-01-01T00:00:00Z",
            "updatedAt": None,
            "aliases": [],
        }
        return {"artifact": artifact}
