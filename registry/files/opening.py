"""The one place that chooses where files are kept, from the settings."""

from registry.files.bucket import BucketStore, bucket_at
from registry.files.folder import FolderStore
from registry.files.store import FileStore
from registry.settings import Settings, SettingsError


def open_store(settings: Settings) -> FileStore:
    """The store that the settings name. Touches nothing yet. Raises SettingsError for an address that is none."""
    folder = settings.data_dir / "documents"
    if not settings.documents_url:
        return FolderStore(folder)
    try:
        return BucketStore(folder / "incoming", bucket_at(settings.documents_url))
    except ValueError as error:
        raise SettingsError(f"REGISTRY_DOCUMENTS_URL cannot be used: {error}.") from None
