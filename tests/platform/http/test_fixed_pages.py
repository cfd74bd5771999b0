"""What never changes while the service runs is sent compressed, and only to those who do not have it."""

import gzip

import pytest

from registry.platform.http.fixed import Fixed
from tests.support.service import Service

LARGE = Fixed(b"a page " * 500, "text/plain")


def asked(page: Fixed, **headers: str) -> tuple[int, dict[str, str], bytes]:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    answer = page.answer({"headers": given})
    return answer.status, {name.decode(): value.decode() for name, value in answer.headers}, answer.body


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP;q=0.5", "*", "deflate, gzip ; q=1.0"])
def test_who_takes_gzip_gets_it(accepted: str) -> None:
    status, headers, body = asked(LARGE, accept_encoding=accepted)
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == b"a page " * 500
    assert int(headers["content-length"]) == len(body)


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *"])
def test_who_does_not_gets_it_as_it_is(accepted: str) -> None:
    status, headers, body = asked(LARGE, accept_encoding=accepted)
    assert (status, body) == (200, b"a page " * 500)
    assert "content-encoding" not in headers
    assert headers["vary"] == "Accept-Encoding"


def test_a_small_page_is_not_worth_compressing() -> None:
    assert "content-encoding" not in asked(Fixed(b"small", "text/plain"), accept_encoding="gzip")[1]


def test_each_form_has_a_strong_tag_of_its_own_and_is_not_sent_again() -> None:
    plain, packed = asked(LARGE)[1]["etag"], asked(LARGE, accept_encoding="gzip")[1]["etag"]
    assert plain != packed
    assert plain.startswith('"')
    status, headers, body = asked(LARGE, accept_encoding="gzip", if_none_match=packed)
    assert (status, headers["etag"], body) == (304, packed, b"")
    assert asked(LARGE, if_none_match=packed)[0] == 200


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/files/swagger-ui-bundle.js", "/docs/files/start.js"])
async def test_the_contract_and_its_documentation_are_sent_once(service: Service, path: str) -> None:
    first = await service.http.get(path)
    assert first.status_code == 200
    again = await service.http.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    if len(first.content) > 10_000:
        assert first.headers["content-encoding"] == "gzip"
        assert int(first.headers["content-length"]) < len(first.content) / 3
