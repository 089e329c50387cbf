"""The public tus client against a real server: interrupted in the middle, and resumed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import jwt
import pytest

from tests.benchmarks import upload_memory
from tests.benchmarks.upload_memory import served

ROOT = Path(__file__).resolve().parents[2]
CLIENT = "tus-js-client@4"

SCRIPT = """
const tus = require("tus-js-client");
const [endpoint, token, megabytes] = process.argv.slice(2);
const body = Buffer.alloc(Number(megabytes) * 1048576, "resumable text, line after line.\\n");
// In chunks, so that the abort finds some of it taken and some of it not sent, however quick the server is.
const options = {
  endpoint, chunkSize: 8 * 1048576, headers: { Authorization: `Bearer ${token}` },
  retryDelays: [0, 200, 500, 1000, 2000],
  metadata: { filename: "big.txt", kind: "document", generateEmbeddings: "false" },
  onError: (error) => { console.error(String(error)); process.exit(1); },
};
let job = null, patches = [];
const onAfterResponse = (request, response) => {
  if (request.getMethod() === "PATCH") patches.push(request.getHeader("Upload-Offset"));
  job = response.getHeader("Upload-Job-Id") || job;
};
const first = new tus.Upload(body, { ...options, onAfterResponse, onProgress: (sent, total) => {
  if (sent > total / 3 && !first.stopped) {
    first.stopped = true;
    first.abort().then(() => resume(first.url));
  }
} });
function resume(url) {
  const resumed = [];
  const second = new tus.Upload(body, { ...options, uploadUrl: url, onAfterResponse,
    onBeforeRequest: (request) => {
      if (request.getMethod() === "PATCH") resumed.push(Number(request.getHeader("Upload-Offset")));
    },
    onSuccess: () => console.log(JSON.stringify({ url, job, resumed })) });
  second.start();
}
first.start();
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the client installed from npm."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("npm and node are not installed")
    folder = tmp_path_factory.mktemp("tus")
    (folder / "package.json").write_text('{"private": true}')
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", CLIENT],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"npm can not install {CLIENT}: {done.stderr.strip()[-200:]}")
    (folder / "send.js").write_text(SCRIPT)
    return folder


def test_an_interrupted_upload_goes_on_where_it_was_and_becomes_a_job(client: Path, tmp_path: Path) -> None:
    environment = os.environ | {"DATA_DIR": str(tmp_path), "JWT_SECRET": upload_memory.SECRET}
    migrate = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    claims = {"userId": "ada", "exp": int(time.time()) + 600}
    token = jwt.encode(claims, upload_memory.SECRET, algorithm="HS256")
    with served("uvicorn", "config.asgi:application", tmp_path) as (_, port):
        base = f"http://127.0.0.1:{port}"
        done = subprocess.run(
            ["node", "send.js", f"{base}/api/uploads", token, "40"],
            cwd=client, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["resumed"] and 0 < told["resumed"][0] < 40 * 1048576, told
        response = httpx.get(f"{base}/api/jobs/{told['job']}", headers={"Authorization": f"Bearer {token}"})
        assert response.json()["type"] == "document.process"
    kept = [path for path in (tmp_path / "media" / "document").rglob("*") if path.is_file()]
    assert [path.stat().st_size for path in kept] == [40 * 1048576]
