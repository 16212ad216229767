"""What an erasure did, as its customer keeps it: signed for the bank, and naming nobody."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from partners.banks.keys import keys_address, signed_words
from partners.banks.models import Bank
from partners.records.models import ErasureJob
from partners.records.queries import tables
from partners.records.rules import name_of
from partners.sharing.shapes import instant

VERSION = "portal.erasure/1"
KIND = "erasure+jws"

Evidence = Mapping[str, Any]


def signed_evidence(job: ErasureJob, *, bank: Bank, at: datetime) -> Evidence:
    """What went, when, and what stays and why; with its signature, in the bank's block.

    `jws` holds the whole of it again: what it holds is what was signed.
    """
    erasure = {
        "version": VERSION,
        "erasure_id": str(job.id),
        "controller": {"name": bank.name, "contact": bank.phone, "website": bank.website},
        "requested_at": instant(job.requested_at),
        "finished_at": instant(job.finished_at),
        "erased": job.erased,
        "ended_at_bank": job.ended_at_bank,
        "left_at_bank": job.left_at_bank,
        "kept": {name_of(each.label): each.kept for each in tables() if each.kept},
        "keys": keys_address(bank.slug),
    }
    return {"erasure": erasure, "jws": signed_words(erasure, kind=KIND, at=at)}
