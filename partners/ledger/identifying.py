"""Finding an account by its number, of which nothing is kept but keyed hashes."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from accounts.linking.queries import live_links
from partners.connectors.base import AccountRecord
from partners.ledger.models import Account, AccountNumber
from partners.ledger.numbers import Names, names_of
from portal.secrets.digests import keyed_digest, keyed_digests
from portal.tenancy.blocks import current_bank_id

_COLUMN = "partners_accountnumber.digest"


def account_digests(written: str, *, bank_code: str = "") -> tuple[str, ...]:
    """What an account of that number is looked for by, surest first; nothing where it is no number."""
    names = names_of(written, bank_code=bank_code)
    return tuple(
        digest
        for name in (*names.full, *names.bare)
        for digest in keyed_digests(name, bank_id=current_bank_id(), column=_COLUMN)
    )


def accounts_numbered(digests: Sequence[str]) -> list[Account]:
    """The served bank's accounts by the surest of these that any has: several only where a bank numbers so."""
    rows = AccountNumber.objects.filter(bank_id=current_bank_id(), digest__in=list(digests))
    found = list(rows.select_related("account"))
    for digest in digests:
        mine = {each.account_id: each.account for each in found if each.digest == digest}
        if mine:
            return [mine[key] for key in sorted(mine)]
    return []


def keep_numbers(accounts: Mapping[str, Account], records: Mapping[str, AccountRecord]) -> None:
    """Keep the hashes of what the bank calls its accounts now, by external id; what it says nothing of stays."""
    rows = [
        AccountNumber(account_id=account.id, digest=_digest(name), is_full=is_full)
        for key, account in sorted(accounts.items())
        for name, is_full in _told(records[key].identifications)
    ]
    told = {each.account_id for each in rows}
    before = AccountNumber.objects.filter(bank_id=current_bank_id(), account_id__in=told)
    before.exclude(digest__in=[each.digest for each in rows]).delete()
    AccountNumber.objects.bulk_create(rows, ignore_conflicts=True)


def renamed_accounts(
    records: Mapping[str, AccountRecord], *, holder: UUID | None
) -> dict[str, Account]:
    """Accounts that the bank lists under new ids, by the new one: known by their number, listed no more by their own.

    One that somebody else has linked stays as it is: theirs is read by the id that it has.
    """
    unknown = set(records) - set(
        Account.objects.filter(external_id__in=records).values_list("external_id", flat=True)
    )
    found: dict[str, Account] = {}
    for key in sorted(unknown):
        full = [_digest(name) for name, is_full in _told(records[key].identifications) if is_full]
        same = [
            each
            for each in _having(full)
            if each.currency == records[key].currency and each.external_id not in records
        ]
        if len(same) == 1 and not _is_anothers(same[0], holder):
            found[key] = same[0]
    # Two new ids for one number are two accounts.
    taken = [each.id for each in found.values()]
    return {key: each for key, each in found.items() if taken.count(each.id) == 1}


def _having(digests: Sequence[str]) -> list[Account]:
    named = AccountNumber.objects.filter(
        bank_id=current_bank_id(), digest__in=digests, is_full=True
    )
    return list(Account.objects.filter(pk__in=named.values("account_id")).order_by("id"))


def _is_anothers(account: Account, holder: UUID | None) -> bool:
    links = live_links().filter(account_id=account.id)
    return links.exclude(customer_id=holder).exists() if holder else links.exists()


def _told(written: Iterable[str]) -> list[tuple[str, bool]]:
    names: dict[str, bool] = {}
    for each in written:
        of_one: Names = names_of(each)
        names |= {name: names.get(name, False) for name in of_one.bare}
        names |= dict.fromkeys(of_one.full, True)
    return list(names.items())


def _digest(name: str) -> str:
    return keyed_digest(name, bank_id=current_bank_id(), column=_COLUMN)
