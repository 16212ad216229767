"""What a mail says, in the customer's language: that there is something to answer, and how. Never an amount,
a shop or an account: mail passes through hands that nobody has allowed to read them.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils import formats
from django.utils.translation import gettext


@dataclass(frozen=True)
class LetterWords:
    """A mail's words in the order in which they are read."""

    subject: str
    preview: str
    greeting: str
    what: str
    action: str
    how: str
    call: str
    caution: str
    why: str


def push_words() -> str:
    """What a notification says beneath the bank's name: it may lie on a locked screen for anybody to read."""
    return gettext("Was this card payment you? Sign in to see it and answer.")


@dataclass(frozen=True)
class ProofWords:
    """The mail with the digits that show whose an address is."""

    subject: str
    greeting: str
    what: str
    code: str
    until: str
    caution: str


def proof_words(*, name: str, bank: str, code: str, until: datetime) -> ProofWords:
    """`until` is on the bank's clock."""
    said = {"name": name, "bank": bank, "code": code, "time": until.strftime("%H:%M")}
    return ProofWords(
        subject=gettext("%(code)s is your code for %(bank)s") % said,
        greeting=gettext("Hello %(name)s,") % said if name else gettext("Hello,"),
        what=gettext(
            "You want the chat of %(bank)s to reach you at this address. Type these digits on the page"
            " that you have open:"
        )
        % said,
        code=code,
        until=gettext("They are good until %(time)s.") % said,
        caution=gettext(
            "If you did not ask for this, do nothing: without the digits nothing is mailed here. Nobody from"
            " the bank will ask you for them."
        ),
    )


def fraud_words(*, name: str, bank: str, phone: str, told_at: datetime) -> LetterWords:
    """The mail about an unusual card payment that was not seen in the chat. `told_at` is on the bank's clock."""
    said = {
        "name": name,
        "bank": bank,
        "phone": phone,
        "time": told_at.strftime("%H:%M"),
        "day": formats.date_format(told_at, "j F"),
    }
    return LetterWords(
        subject=gettext("Was this card payment you?"),
        preview=gettext("%(bank)s asks for your answer.") % said,
        greeting=gettext("Hello %(name)s,") % said if name else gettext("Hello,"),
        what=gettext(
            "%(bank)s has noticed an unusual payment with your card and asks whether it was you."
            " The question has stood in the chat since %(time)s on %(day)s."
        )
        % said,
        action=gettext("See the payment and answer"),
        how=gettext(
            "You sign in at %(bank)s as always. If it was not you, press “Not me”: the bank is"
            " asked to freeze the card."
        )
        % said,
        call=gettext("Or call %(bank)s: %(phone)s") % said if phone else "",
        caution=gettext(
            "This mail names no amount, no shop and no account, and nobody will ask for your password"
            " or card number. If you are not sure about it, do not follow the link: open the site of"
            " %(bank)s yourself."
        )
        % said,
        why=gettext(
            "You get it because the chat of %(bank)s may alert you to unusual payments. How you are"
            " reached is your choice, in the menu of the chat."
        )
        % said,
    )


def reminder_words(*, name: str, bank: str, is_near: bool) -> LetterWords:
    """The mail about something that a customer allowed and that ends soon: what it is, the chat says."""
    said = {"name": name, "bank": bank}
    ends = (
        gettext("Something that you let be read at %(bank)s ends within a week.")
        if is_near
        else gettext("Something that you let be read at %(bank)s ends within a month.")
    )
    return LetterWords(
        subject=gettext("Something that you share ends soon"),
        preview=ends % said,
        greeting=gettext("Hello %(name)s,") % said if name else gettext("Hello,"),
        what=ends % said,
        action=gettext("Go to %(bank)s") % said,
        how=gettext(
            "You sign in at %(bank)s as always and open the chat. “Who sees what” in its menu says what"
            " ends, and lets it go on. If you do nothing, it ends by itself, and nothing of it is read any"
            " more."
        )
        % said,
        call="",
        caution=gettext(
            "This mail names nobody who reads, no account and no amount, and nobody will ask for your"
            " password. If you are not sure about it, do not follow the link: open the site of %(bank)s"
            " yourself."
        )
        % said,
        why=gettext(
            "You get it because you allowed something in the chat of %(bank)s. How you are reached is your"
            " choice, in the menu of the chat."
        )
        % said,
    )
