"""A file on a page's form, sealed as it comes: it is never on a disk as it is, nor in memory whole."""

from typing import Any
from uuid import UUID

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from partners.imports.files import FileTooLarge, Incoming, require_size
from portal.tenancy.ids import new_id

_FIELD = "file"
# What a form has around its file.
_AROUND = 64 * 1024


class SealingHandler(FileUploadHandler):
    """Django's way to take a file of a form as it comes. What came is `coming`, where something did."""

    def __init__(self, request: HttpRequest, *, bank_id: UUID) -> None:
        super().__init__(request)
        self.bank_id = bank_id
        self.coming: Incoming | None = None
        self.name = ""
        self.is_too_large = False

    def new_file(self, *arguments: Any, **named: Any) -> None:
        super().new_file(*arguments, **named)
        if self.coming is not None or self.field_name != _FIELD:
            raise StopUpload(connection_reset=False)
        self.name = str(self.file_name or "")
        self.coming = Incoming(bank_id=self.bank_id, import_id=new_id())

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002  # Django's shape
        try:
            if self.coming is not None:
                self.coming.write(raw_data)
        except FileTooLarge:
            self.coming = None
            self.is_too_large = True
            raise StopUpload(connection_reset=False) from None

    def file_complete(self, _file_size: int) -> None:
        """The form itself has no file: it is ours already."""

    def upload_interrupted(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Nothing of it stays."""
        if self.coming is not None:
            self.coming.abandon()
            self.coming = None


def sealing(request: HttpRequest, *, bank_id: UUID) -> SealingHandler:
    """Have the request's file sealed as it is read. Raises FileTooLarge by what the request says of its length."""
    length = request.META.get("CONTENT_LENGTH") or ""
    require_size(str(max(0, int(length) - _AROUND)) if length.isdecimal() else None)
    handler = SealingHandler(request, bank_id=bank_id)
    request.upload_handlers = [handler]
    return handler
