"""Selects the file store from the settings."""

from registry.platform.files.bucket import BucketStore, bucket_at
from registry.platform.files.folder import FolderStore
from registry.platform.files.store import FileStore
from registry.platform.settings import Settings, SettingsError


def open_store(settings: Settings) -> FileStore:
    """The configured file store. Does not access it yet. Raises SettingsError for an invalid address."""
    folder = settings.data_dir / "documents"
    if not settings.documents_url:
        return FolderStore(folder)
    try:
        return BucketStore(folder / "incoming", bucket_at(settings.documents_url))
    except ValueError as error:
        raise SettingsError(f"REGISTRY_DOCUMENTS_URL cannot be used: {error}.") from None
