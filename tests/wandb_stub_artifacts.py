"""The part of the W&B stub that stores artifacts, such as tables; without these answers the process of W&B crashes."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]
"""A JSON object of the protocol of W&B, whose values have many types."""


class Artifacts:
    """Answers the requests of ``log_artifact``: each method answers the operation in its name.

    Attributes:
        artifacts: the request that created each artifact, by id, with ``committed`` after its upload is complete.
        rejects_artifacts: whether it refuses new artifacts because its storage is full.
        uploads: uploaded bytes, by the path of their URL.
        url: address of the server.
    """

    uploads: dict[str, bytes]

    def __init__(self) -> None:
        self.artifacts: dict[str, Json] = {}
        self.rejects_artifacts = False

    @property
    def url(self) -> str:
        raise NotImplementedError

    def table(self, type_name: str) -> Json:
        """Return the table in the only artifact of a type."""
        (number,) = [key for key, artifact in self.artifacts.items() if artifact["artifactTypeName"] == type_name]
        assert self.artifacts[number]["committed"]
        (path,) = [
            path for path in self.uploads if path.startswith(f"/artifact/{number}/") and path.endswith(".table.json")
        ]
        return json.loads(self.uploads[path])

    def _answer_ArtifactType(self, variables: Json) -> Json:
        return {"project": {"artifact": None}}

    def _answer_CreateArtifact(self, variables: Json) -> Json:
        number = str(len(self.artifacts) + 1)
        self.artifacts[number] = {**variables["input"], "committed": False}
        return {"createArtifact": {"artifact": {"id": number, "state": "PENDING", "artifactSequence": {}}}}

    def _answer_CreateArtifactManifest(self, variables: Json) -> Json:
        file = {"id": "1", "uploadUrl": f"{self.url}/manifest/{variables['artifactID']}", "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": "1", "file": file}}}

    def _answer_CreateArtifactFiles(self, variables: Json) -> Json:
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

    def _answer_CommitArtifact(self, variables: Json) -> Json:
        artifact = self.artifacts[variables["artifactID"]]
        artifact["committed"] = True
        return {"commitArtifact": {"artifact": {"id": variables["artifactID"], "digest": artifact["digest"]}}}

    def _answer_ArtifactByID(self, variables: Json) -> Json:
        stored = self.artifacts[variables["id"]]
        project = {
            "id": "1",
            "internalId": "1",
            "name": stored["projectName"],
            "entity": {"name": stored["entityName"]},
        }
        name = stored["artifactCollectionName"]
        artifact = {
            "__typename": "Artifact",
            "id": variables["id"],
            "artifactSequence": {"__typename": "ArtifactSequence", "name": name, "project": project},
            "versionIndex": 0,
            "artifactType": {"name": stored["artifactTypeName"]},
            "description": None,
            "metadata": None,
            "ttlDurationSeconds": 0,
            "ttlIsInherited": True,
            "tags": [],
            "historyStep": None,
            "state": "COMMITTED",
            "size": 1,
            "digest": stored["digest"],
            "commitHash": "1",
            "fileCount": 1,
            "createdAt": "2020-01-01T00:00:00Z",
            "updatedAt": None,
            "aliases": [],
        }
        return {"artifact": artifact}
