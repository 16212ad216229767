"""ISO 20022 camt.053, any version from 001.02 on, as a stream: what it takes does not grow with the file.

Source: ISO 20022 message definition report, Bank-to-Customer Cash Management, BankToCustomerStatement (camt.053.001.xx).
Names are compared without their namespace, and whatever envelope is around the message is looked through. Nothing
is resolved, loaded or expanded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from lxml import etree

from partners.statements.base import (
    Balance,
    Detail,
    Entry,
    Flag,
    Malformed,
    Part,
    Source,
    Statement,
    calendar_day,
    exact,
)
from partners.statements.text import PIECE_BYTES

# Of one message without the end of an entry, a balance or a statement: what is larger is none of them.
MOST_BYTES_BETWEEN = 8 * 1024 * 1024

_WANTED = (
    "BkToCstmrStmt",
    "BkToCstmrAcctRpt",
    "BkToCstmrDbtCdtNtfctn",
    "Stmt",
    "Acct",
    "Bal",
    "Ntry",
)
_OTHER_MESSAGES = {"BkToCstmrAcctRpt": "a camt.052", "BkToCstmrDbtCdtNtfctn": "a camt.054"}
_CLOSING = "CLBD"
# The first of these that a statement has.
_OPENING = ("OPBD", "PRCD")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_SIGNS = {"CRDT": 1, "DBIT": -1}
_DETAILS = ("NtryDtls", "TxDtls")

Element = etree._Element  # noqa: SLF001  # lxml gives its type no other name


def read_camt053(source: Source) -> Iterator[Part]:
    """Every statement with its balances and entries, and what each entry sums up. Raises Malformed."""
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=["{*}" + each for each in _WANTED],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    reading = _Reading()
    between = 0
    try:
        while piece := source.read(PIECE_BYTES):
            parser.feed(piece)
            between += len(piece)
            for event, element in parser.read_events():
                between = 0
                yield from reading.take(str(event), element)
            if between > MOST_BYTES_BETWEEN:
                raise Malformed("file", "holds what is too large to be a statement's")
        parser.close()
    except etree.XMLSyntaxError as problem:
        raise Malformed(f"line {problem.position[0]}", _why(problem)) from None
    if not reading.is_statement:
        raise Malformed("file", "no camt.053 in it")


@dataclass(slots=True)
class _Open:
    """The statement that is being read: what is told of it waits until its first entry, or its end."""

    statement: Statement
    line: int
    balances: list[Balance]
    told: bool = False
    total: Decimal = Decimal(0)
    opening: Balance | None = None
    closing: Balance | None = None


class _Reading:
    def __init__(self) -> None:
        self.number = 0
        self.open: _Open | None = None
        self.is_statement = self.is_looked_at = False
        # Elements around the one at hand that are kept whole until their own end.
        self.inside = 0

    def take(self, event: str, element: Element) -> Iterator[Part]:
        if not self.is_looked_at:
            self.is_looked_at = True
            _refuse_doctype(element)
        if event == "start":
            self._begin(_local(element), element)
        elif self.open is not None:
            yield from self._end(self.open, _local(element), element)

    def _end(self, now: _Open, name: str, element: Element) -> Iterator[Part]:
        if name == "Acct":
            if not self.inside:
                self._account(element)
            return
        if name == "Bal":
            if not _text(element, "CdtDbtInd"):
                yield Flag(_where(element), "without CdtDbtInd, and taken for a credit")
            now.balances.append(_balance(element))
        elif name == "Ntry":
            self.inside -= 1
            yield from self._told()
            entry = _entry(element)
            if entry.status == "posted":
                now.total += entry.amount
            yield entry
        elif name == "Stmt":
            yield from self._told()
            yield from self._balanced()
            self.open = None
        _drop(element)

    def _begin(self, name: str, element: Element) -> None:
        if name in _OTHER_MESSAGES:
            raise Malformed(
                f"line {element.sourceline}", f"{_OTHER_MESSAGES[name]}, not a camt.053"
            )
        if name == "BkToCstmrStmt":
            self.is_statement = True
        elif name == "Stmt":
            self.number += 1
            self.open = _Open(Statement(self.number), element.sourceline or 0, [])
        elif name == "Ntry":
            self.inside += 1

    def _account(self, element: Element) -> None:
        if self.open is not None:
            self.open.statement = Statement(
                self.number,
                account=_text(element, "Id", "IBAN") or _text(element, "Id", "Othr", "Id"),
                currency=_text(element, "Ccy"),
            )

    def _told(self) -> Iterator[Part]:
        now = self.open
        if now is None:
            return
        if not now.told:
            now.told = True
            yield now.statement
        held, now.balances = now.balances, []
        codes = {each.code for each in held}
        opens = next((each for each in _OPENING if each in codes), "")
        for each in held:
            balance = _of_kind(each, opens)
            if balance.kind == "opening":
                now.opening = now.opening or balance
            elif balance.kind == "closing":
                now.closing = balance
            yield balance

    def _balanced(self) -> Iterator[Part]:
        now = self.open
        if now is None or now.opening is None or now.closing is None:
            return
        if now.opening.amount + now.total != now.closing.amount:
            yield Flag(
                f"line {now.line}",
                "the entries do not lead from the opening balance to the closing one",
                unbalanced=True,
            )


def _why(problem: etree.XMLSyntaxError) -> str:
    if "depth" in str(problem):
        return "nested more deeply than any statement"
    if "entit" in str(problem).lower():
        return "declares entities, which no statement needs"
    return "not well-formed XML, or cut off"


def _of_kind(balance: Balance, opens: str) -> Balance:
    if balance.code == opens:
        return Balance("opening", balance.code, balance.amount, balance.currency, balance.on)
    if balance.code == _CLOSING:
        return Balance("closing", balance.code, balance.amount, balance.currency, balance.on)
    return balance


def _refuse_doctype(element: Element) -> None:
    if element.getroottree().docinfo.doctype:
        raise Malformed("header", "declares a document type, which no statement needs")


def _drop(element: Element) -> None:
    """Let go of what was read, and of what stood before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _local(element: Element) -> str:
    return _without_namespace(str(element.tag))


@lru_cache(maxsize=1024)
def _without_namespace(tag: str) -> str:
    return tag.rpartition("}")[2]


def _children(element: Element, name: str) -> list[Element]:
    return list(element.iterchildren("{*}" + name))


def _child(element: Element | None, *path: str) -> Element | None:
    """The first at the end of that path. lxml compares the names itself: what is passed over costs no object."""
    for name in path:
        if element is None:
            return None
        element = next(element.iterchildren("{*}" + name), None)
    return element


def _text(element: Element | None, *path: str) -> str:
    found = _child(element, *path)
    return "" if found is None or found.text is None else found.text.strip()


def _where(element: Element) -> str:
    return f"{_local(element)} at line {element.sourceline}"


def _amount(element: Element, where: str, *, unsaid: str = "") -> tuple[Decimal, str]:
    """With its sign, credit positive; and its currency. A reversal's own indicator says which way it goes."""
    written = _child(element, "Amt")
    sign = _SIGNS.get(_text(element, "CdtDbtInd") or unsaid)
    if written is None or sign is None:
        raise Malformed(where, "without Amt or CdtDbtInd")
    return sign * exact(written.text or "", where), written.get("Ccy", "")


def _day(element: Element | None, where: str) -> date | None:
    """A Dt or DtTm, as the day that is written; None where there is none."""
    written = _text(element, "Dt") or _text(element, "DtTm")
    if not written:
        return None
    found = _DAY.match(written)
    if found is None:
        raise Malformed(where, "not a date")
    return calendar_day(int(found[1]), int(found[2]), int(found[3]), where)


def _balance(element: Element) -> Balance:
    where = _where(element)
    amount, currency = _amount(element, where, unsaid="CRDT")
    code = _text(element, "Tp", "CdOrPrtry", "Cd") or _text(element, "Tp", "CdOrPrtry", "Prtry")
    return Balance("other", code, amount, currency, _day(_child(element, "Dt"), where))


def _entry(element: Element) -> Entry:
    where = _where(element)
    amount, currency = _amount(element, where)
    transactions = [
        each for group in _children(element, _DETAILS[0]) for each in _children(group, _DETAILS[1])
    ]
    details = tuple(_detail(each, amount, where) for each in transactions)
    only = details[0] if len(details) == 1 else Detail()
    told = transactions[0] if len(transactions) == 1 else element if not transactions else None
    original, original_currency, rate = _exchanged(told, currency, amount, where)
    return Entry(
        where=where,
        amount=amount,
        currency=currency,
        booked_on=_day(_child(element, "BookgDt"), where),
        value_on=_day(_child(element, "ValDt"), where),
        status="posted" if _status(element) in {"BOOK", ""} else "pending",
        reference=_text(element, "AcctSvcrRef") or _text(element, "NtryRef"),
        customer_reference=only.reference,
        code=_code(element),
        counterparty=only.counterparty,
        description=only.description or _text(element, "AddtlNtryInf"),
        original_amount=original,
        original_currency=original_currency,
        exchange_rate=rate,
        details=details,
    )


def _status(element: Element) -> str:
    return _text(element, "Sts", "Cd") or _text(element, "Sts")


def _code(element: Element) -> str:
    """`PMNT.CCRD.POSD`, or the bank's own code."""
    codes = _child(element, "BkTxCd")
    domain = _child(codes, "Domn")
    parts = (_text(domain, "Cd"), _text(domain, "Fmly", "Cd"), _text(domain, "Fmly", "SubFmlyCd"))
    return ".".join(filter(None, parts)) or _text(codes, "Prtry", "Cd")


def _detail(element: Element, entry_amount: Decimal, where: str) -> Detail:
    written = _child(element, "Amt")
    if written is None:
        written = _child(element, "AmtDtls", "TxAmt", "Amt")
    sign = _SIGNS.get(_text(element, "CdtDbtInd"), -1 if entry_amount < 0 else 1)
    refs = _child(element, "Refs")
    end_to_end = _text(refs, "EndToEndId")
    return Detail(
        amount=None if written is None else sign * exact(written.text or "", where),
        currency="" if written is None else written.get("Ccy", ""),
        reference=end_to_end if end_to_end != "NOTPROVIDED" else "",
        counterparty=_counterparty(element, "Dbtr" if entry_amount >= 0 else "Cdtr"),
        description=_remittance(element),
    )


def _counterparty(element: Element, role: str) -> str:
    parties = _child(element, "RltdPties")
    return _text(parties, role, "Nm") or _text(parties, role, "Pty", "Nm")


def _remittance(element: Element) -> str:
    told = _child(element, "RmtInf")
    if told is None:
        return _text(element, "AddtlTxInf")
    free = [each.text.strip() for each in _children(told, "Ustrd") if each.text]
    return " ".join(free) or _text(told, "Strd", "CdtrRefInf", "Ref")


def _exchanged(
    told: Element | None, currency: str, entry_amount: Decimal, where: str
) -> tuple[Decimal | None, str, str]:
    """The amount in the currency it was paid in, that currency, and the rate; of an entry of one transaction.

    An amount that was instructed has no sign of its own. The rate stands with any of the amounts.
    """
    details = [_child(told, "AmtDtls", kind) for kind in ("InstdAmt", "TxAmt", "CntrValAmt")]
    rates = (_text(each, "CcyXchg", "XchgRate") for each in details)
    for each in details[:2]:
        amount = _child(each, "Amt")
        if amount is not None and amount.get("Ccy", "") not in {"", currency}:
            unsigned = exact(amount.text or "", where)
            signed = -unsigned if entry_amount < 0 else unsigned
            return signed, amount.get("Ccy", ""), next(filter(None, rates), "")
    return None, "", ""
