"""Steady reads and writes over connections that are kept, while something happens to the service."""

import http.client
import json
import threading
import time
from collections import Counter


class Traffic:
    """Clients that read and write over connections that they keep, and note what was not answered as it should be."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(name,)) for name in ("a", "b", "c", "d")]
        self.answered: Counter[str] = Counter()
        self.failed: list[str] = []
        self.created: list[str] = []

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        number = 0
        while not self._stop.is_set():
            number += 1
            self._ask(connection, "GET", "/v1/agencies?limit=5", 200)
            made = {"name": f"Rolling {name} {number}", "kind": "city", "level": "local"}
            self._ask(connection, "POST", "/v1/agencies", 201, made)
            time.sleep(0.05)
        connection.close()

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, status: int, body: object = None
    ) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(f"{method} {error!r}")
            connection.close()
            return
        if answer.status == status:
            self.answered[method] += 1
        else:
            self.failed.append(f"{method} {answer.status} {content[:200]!r}")
        if answer.status == 201:
            self.created.append(json.loads(content)["id"])

    def go_on(self) -> None:
        """Return when each kind of request was answered ten times more."""
        before = Counter(self.answered)
        while not self.failed and any(self.answered[method] < before[method] + 10 for method in ("GET", "POST")):
            time.sleep(0.01)
