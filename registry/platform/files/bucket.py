"""Files in an S3-compatible bucket. Credentials come from the standard sources of the cloud platform."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError
from obstore.store import S3Store

from registry.platform.files.store import READ_AT_ONCE, FileStore, Received, unavailable

_OPTIONS = ("endpoint", "region", "path_style")
_NOBODYS = "0" * 64
_NO_BUCKET = "NoSuchBucket"
_CLIENT: Any = {"connect_timeout": "5s", "timeout": "60s"}
_RETRY: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}


class BucketStore(FileStore):
    """Stores each file as an object named by its hash.

    It is uploaded from disk, so that the bucket contains whole files only.
    """

    def __init__(self, incoming: Path, bucket: S3Store) -> None:
        super().__init__(incoming)
        self._bucket = bucket

    async def keep(self, received: Received) -> None:
        with _reaching():
            await obstore.put_async(self._bucket, received.sha256, received.path)

    async def open(self, sha256: str) -> AsyncGenerator[bytes, None]:
        with _reaching():
            found = await obstore.get_async(self._bucket, sha256)
        return _pieces(found)

    async def forget(self, sha256: str) -> None:
        with _reaching():
            await obstore.delete_async(self._bucket, sha256)

    async def probe(self, named: str | None) -> None:
        """Asks for the head of what is named, else for what is not there: who may not list is refused that."""
        with _reaching():
            if named is not None:
                await obstore.head_async(self._bucket, named)
                return
            try:
                await obstore.get_async(self._bucket, _NOBODYS)
            except (FileNotFoundError, PermissionDeniedError) as error:
                if _NO_BUCKET in str(error):
                    raise


async def _pieces(found: "obstore.GetResult") -> AsyncGenerator[bytes, None]:
    async for piece in found.stream(min_chunk_size=READ_AT_ONCE):
        yield bytes(piece)


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise unavailable(error) from error


def bucket_at(url: str) -> S3Store:
    """The bucket at `s3://name/prefix?endpoint=https://…&region=…&path_style=true`.

    Raises ValueError for another URL.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if unknown := sorted(options.keys() - set(_OPTIONS)):
        raise ValueError(f"unknown option {unknown[0]}; known are {', '.join(_OPTIONS)}")
    if not parts.hostname or parts.username or parts.password or parts.port or parts.fragment:
        raise ValueError("give s3://bucket/prefix; keys and secrets do not belong in it")
    if options.get("path_style", "true") not in ("true", "false"):
        raise ValueError("path_style is true or false")
    endpoint = options.get("endpoint")
    if endpoint is not None and not endpoint.startswith(("https://", "http://")):
        raise ValueError("the endpoint begins with https:// (or http:// on a network of your own)")
    config: Any = {"virtual_hosted_style_request": options.get("path_style", "true") == "false"}
    if endpoint is not None:
        config["endpoint"] = endpoint
    if (region := options.get("region")) is not None:
        config["region"] = region
    client: Any = {**_CLIENT, "allow_http": bool(endpoint and endpoint.startswith("http://"))}
    prefix = parts.path.strip("/") or None
    return S3Store(parts.hostname, prefix=prefix, config=config, client_options=client, retry_config=_RETRY)
