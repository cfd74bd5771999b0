"""Errors that reject an import file or one of its rows."""

from registry.platform.kernel.errors import Malformed


class ImportFormatError(Malformed):
    """The file does not have the expected format at all; the detail says which header is missing."""

    code = "import_format"


class Refused(Exception):
    """The row is rejected: a stable code, a sentence, and the column at fault where there is one."""

    def __init__(self, code: str, detail: str, column: str | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.column = code, detail, column
