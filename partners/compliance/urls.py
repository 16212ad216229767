"""Addresses of the pages by which a bank answers for what it shares."""

from django.urls import URLPattern, path

from partners.compliance import views

_BANK = "banks/<slug:slug>"

urlpatterns: list[URLPattern] = [
    path(f"{_BANK}/recipients/", views.recipients, name="recipients"),
    path(f"{_BANK}/search/", views.search, name="search"),
    path(f"{_BANK}/search/table.csv", views.search_table, name="search_table"),
    path(f"{_BANK}/report/", views.report, name="report"),
    path(f"{_BANK}/report/report.<slug:form>", views.report_file, name="report_file"),
    path(f"{_BANK}/report/shared-nothing.jsonl", views.statement, name="statement"),
    path(f"{_BANK}/erasures/", views.erasures, name="erasures"),
    path(
        f"{_BANK}/erasures/<uuid:erasure_id>/evidence.json",
        views.erasure_evidence,
        name="erasure_evidence",
    ),
    path(f"{_BANK}/disclosures/<uuid:disclosure_id>/", views.record, name="record"),
]
