"""What is noticed about a file beside its text, and what of its text is missing."""

from enum import Enum, StrEnum


class FileRemark(StrEnum):
    """A property of an accepted file that its readers should know. Nothing in a file is ever run or followed here."""

    TEXT_RECOGNISED = "text_recognised"
    TRACKED_CHANGES = "tracked_changes"
    COMMENTS = "comments"
    EMBEDDED_FILES = "embedded_files"
    EMBEDDED_OBJECTS = "embedded_objects"
    EXTERNAL_REFERENCES = "external_references"
    SCRIPTS = "scripts"
    ACTIONS = "actions"
    DYNAMIC_FORM = "dynamic_form"
    USE_RESTRICTED = "use_restricted"
    DATA_BEHIND = "data_behind"
    READING_STOPPED = "reading_stopped"
    METADATA_KEPT = "metadata_kept"


class Missing(Enum):
    """Why some of a file's text is not among what was extracted."""

    PICTURE = "picture"
    """It is a picture: there is nothing but pixels."""
    UNREAD = "unread"
    """It is there, and could not be extracted."""
