"""Addresses of statement files: the console's pages, and a bank's own doors."""

from django.urls import path

from partners.imports.api import bring_statement, statement_import
from partners.imports.views import statement_file, statement_file_progress, statement_files

_ONE = "banks/<slug:slug>/statement-files/<uuid:import_id>/"

urlpatterns = [
    path("banks/<slug:slug>/statement-files/", statement_files, name="statement_files"),
    path(_ONE, statement_file, name="statement_file"),
    path(f"{_ONE}progress/", statement_file_progress, name="statement_file_progress"),
]
# Of the `api.` host: for a bank's own systems.
BANK_DOORS = [
    path("banks/<slug:slug>/statement-imports", bring_statement, name="bring_statement"),
    path(
        "banks/<slug:slug>/statement-imports/<uuid:import_id>",
        statement_import,
        name="statement_import",
    ),
]
