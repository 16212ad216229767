"""A consent's receipt as a PDF: the same words and the same signature, to print and to keep."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

from partners.alerts.models import AlertType
from partners.feeds.models import FeedKind
from partners.sharing.words import purpose_words

_FONT = "receipt"
_INK, _SOFT = HexColor("#16202c"), HexColor("#5a6675")
_MARGIN = 22 * mm


@cache
def _styles() -> dict[str, ParagraphStyle]:
    """The typeface is embedded, so that every name looks the same on every device."""
    folder = files("fontpkg_noto_sans") / "files"
    with as_file(folder / "NotoSans[wdth,wght].ttf") as path:
        pdfmetrics.registerFont(TTFont(_FONT, str(path)))
    common = {"fontName": _FONT, "textColor": _INK}
    return {
        "title": ParagraphStyle("title", fontSize=20, leading=26, spaceAfter=4 * mm, **common),
        "part": ParagraphStyle("part", fontSize=12, leading=16, spaceBefore=5 * mm, **common),
        "text": ParagraphStyle("text", fontSize=9.5, leading=14, **common),
        "small": ParagraphStyle(
            "small", fontName=_FONT, textColor=_SOFT, fontSize=7.5, leading=11, wordWrap="CJK"
        ),
    }


def receipt_pdf(signed: Any, *, time_zone: str) -> bytes:
    """The same bytes for the same receipt: no clock and no random id goes in."""
    receipt = signed["receipt"]
    with translation.override(receipt["language"]), timezone.override(ZoneInfo(time_zone)):
        title = _("Receipt of what you allowed")
        kept = BytesIO()
        document = SimpleDocTemplate(
            kept,
            pagesize=A4,
            leftMargin=_MARGIN,
            rightMargin=_MARGIN,
            topMargin=_MARGIN,
            bottomMargin=_MARGIN,
            title=title,
            author=receipt["pii_controller"]["name"],
            lang=receipt["language"],
            invariant=1,
        )
        document.build(list(_flow(receipt, signed["jws"], title)))
    return kept.getvalue()


def _flow(receipt: Any, jws: str, title: str) -> Iterator[Flowable]:
    yield _said("title", title)
    purpose, recipient = receipt["purpose"], receipt["recipient"]
    facts = (
        (_("Customer"), receipt["pii_principal"]["name"]),
        (_("Bank"), receipt["pii_controller"]["name"]),
        (_("May read"), recipient["name"]),
        (_("For"), purpose_words(purpose["code"], purpose["title"])),
        (_("From"), _day(receipt["valid_from"])),
        (_("Until"), _day(receipt["valid_until"])),
        (
            _("Payments since"),
            formats.date_format(datetime.fromisoformat(receipt["history_from"])),
        ),
    )
    for label, text in facts:
        yield _said("text", f"{label}: {text}")
    yield _said("part", _("Accounts"))
    for each in receipt["resources"]:
        yield _said("text", _account(each))
        yield _said("small", _allowed(each))
    yield _said("part", _("The words it was explained with"))
    yield _said("text", receipt["notice"]["text"])
    yield _said("part", _("How to end it"))
    yield _said("text", _("On the page “Who sees what” of the bank's chat, at any time, at once."))
    yield Spacer(0, 6 * mm)
    yield _said("small", f"{receipt['version']} · {receipt['receipt_id']}")
    yield _said("small", f"SHA-256 ({receipt['notice']['locale']}): {receipt['notice']['sha256']}")
    yield _said("small", f"{_('Signed by the bank; its keys:')} {receipt['keys']}")
    yield _said("small", jws)


def _account(each: Any) -> str:
    if each["name"] is None:
        return _("An account that is no longer linked")
    return f"{each['name']} {each['masked_identification']}".strip()


def _allowed(each: Any) -> str:
    feeds = [str(FeedKind(code).label) for code in each["feeds"]]
    alerts = [str(AlertType(code).label) for code in each["alert_types"]]
    return " · ".join([*feeds, *alerts])


def _day(at: str) -> str:
    return formats.date_format(timezone.localtime(datetime.fromisoformat(at)))


def _said(style: str, text: str) -> Paragraph:
    return Paragraph(escape(text), _styles()[style])
