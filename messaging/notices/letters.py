"""Mails, ready to be handed over: words, addresses and headers."""

from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation

from messaging.notices.actions import ReadyMail
from messaging.notices.addresses import ReadyProof
from messaging.notices.links import alert_link
from messaging.notices.mailing import Letter
from messaging.notices.rules import REMINDERS
from messaging.notices.words import LetterWords, fraud_words, proof_words, reminder_words
from partners.banks.queries import reader_locale


def notice_letter(ready: ReadyMail) -> Letter:
    """The mail about an alert's card, or about what ends soon. Its link opens nothing without signing in."""
    bank, card = ready.bank, ready.card
    locale = reader_locale(bank, ready.customer)
    with translation.override(locale):
        if card.template in REMINDERS:
            words = _reminder(ready)
            url = bank.chat_page or bank.website
        else:
            words = _alert(ready)
            url = alert_link(bank, card.id)
        shown = {"words": words, "bank": bank, "url": url}
        return Letter(
            message_id=_message_id(ready.notice_id),
            to=ready.mail_address,
            sender_name=bank.name,
            subject=words.subject,
            text=render_to_string("messaging/notices/alert.mail.txt", shown),
            html=render_to_string("messaging/notices/alert.mail.html", shown),
            locale=locale,
        )


def _alert(ready: ReadyMail) -> LetterWords:
    bank = ready.bank
    return fraud_words(
        name=ready.customer.display_name,
        bank=bank.name,
        phone=bank.phone,
        told_at=timezone.localtime(ready.card.created_at, ZoneInfo(bank.time_zone)),
    )


def _reminder(ready: ReadyMail) -> LetterWords:
    return reminder_words(
        name=ready.customer.display_name,
        bank=ready.bank.name,
        is_near=REMINDERS[ready.card.template] == min(REMINDERS.values()),
    )


def proof_letter(ready: ReadyProof) -> Letter:
    """The mail with the digits. It has no link: they are typed where they were asked for."""
    bank = ready.bank
    locale = reader_locale(bank, ready.customer)
    with translation.override(locale):
        words = proof_words(
            name=ready.customer.display_name,
            bank=bank.name,
            code=ready.code,
            until=timezone.localtime(ready.expires_at, ZoneInfo(bank.time_zone)),
        )
        shown = {"words": words, "bank": bank}
        return Letter(
            message_id=_message_id(ready.proof_id),
            to=ready.mail_address,
            sender_name=bank.name,
            subject=words.subject,
            text=render_to_string("messaging/notices/proof.mail.txt", shown),
            html=render_to_string("messaging/notices/proof.mail.html", shown),
            locale=locale,
        )


def _message_id(row_id: UUID) -> str:
    return f"<{row_id.hex}@{settings.PORTAL_BASE_HOST}>"
