"""The bucket that these tests keep files in."""

from tests.support.bucket import s3_endpoint, s3_url

__all__ = ["s3_endpoint", "s3_url"]
