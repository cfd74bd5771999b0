"""Whatever comes over the wire is answered, never with a fault of ours, and every refusal is a problem."""

from tests.platform.http.hostile import probes
from tests.support.cases import every_case
from tests.support.server import LiveServer
from tests.support.wire import exchange

CORPUS = probes()


def test_the_corpus_is_large_and_names_each_probe_once() -> None:
    assert len(CORPUS) >= 140
    assert len({probe.name for probe in CORPUS}) == len(CORPUS)


def test_a_hostile_request_is_answered_as_it_deserves(server: LiveServer) -> None:
    with every_case() as case:
        for probe in CORPUS:
            with case(probe.name):
                answer = exchange(server.port, probe.raw.replace(b"@TOKEN@", server.token().encode()), head=probe.head)
                assert answer.status in probe.expect, answer
                assert answer.header("x-request-id")
                assert answer.header("x-content-type-options") == "nosniff" or answer.status in (400, 431)
                if answer.status >= 400:
                    assert answer.header("content-type") == "application/problem+json"
                    if not probe.head:
                        document = answer.json()
                        assert isinstance(document, dict)
                        assert document["status"] == answer.status
                        assert document["trace_id"] == answer.header("x-request-id")
                        assert len(answer.body) < 4_000, "an error must not echo what was sent"
