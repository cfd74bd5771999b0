"""An archive of documents that are in a bucket, and one that is put back into a bucket."""

from pathlib import Path

import obstore
import pytest

from registry.platform.files.bucket import bucket_at
from tests.platform.backup.conftest import Stocked
from tests.support.bucket import s3_endpoint, s3_url
from tests.support.command import command

__all__ = ["s3_endpoint", "s3_url"]


@pytest.mark.long
def test_documents_come_out_of_a_bucket_and_go_back_into_it(stocked: Stocked, s3_url: str, tmp_path: Path) -> None:
    run = command(tmp_path)
    restored = run("restore", str(stocked.archive), DOCUMENTS_URL=s3_url)
    assert restored.exit_code == 0, restored.output
    assert not list((tmp_path / "data" / "documents").glob("??")), "they are in the bucket"
    assert run("verify", DOCUMENTS_URL=s3_url).exit_code == 0
    made = run("backup", str(tmp_path / "again.tar"), DOCUMENTS_URL=s3_url)
    assert (made.exit_code, "3 documents" in made.stdout) == (0, True)
    lost = stocked.hashes[0]
    obstore.delete(bucket_at(s3_url), lost)
    missing = run("verify", DOCUMENTS_URL=s3_url)
    assert (missing.exit_code, f"document {lost} is missing" in missing.stdout) == (1, True), missing.output
    assert run("restore", str(tmp_path / "again.tar"), "--only", "documents", DOCUMENTS_URL=s3_url).exit_code == 0
    assert run("verify", DOCUMENTS_URL=s3_url).exit_code == 0
    away = s3_url.replace(
        f"endpoint={s3_url.partition('endpoint=')[2].partition('&')[0]}", "endpoint=http://127.0.0.1:1"
    )
    unreachable = run("verify", DOCUMENTS_URL=away)
    assert (unreachable.exit_code, "Files cannot be kept or read" in unreachable.output) == (1, True)
