"""Where something of a customer's lies, table by table: what they can take with them, and what an erasure
deletes. Every table of a bank stands here, in the order in which its rows can go; a test sees to it.
"""

from partners.records.rules import NotGiven, Own, Table, ThroughTheGate

_OF_THE_BANK = "the bank's own settings, the same for every customer"
_ONLY_IDS = "ids of ours alone, which lead nowhere once the rows are gone; forgotten after 30 days"
_HASHES = "what the log of disclosures is verified by: ids and hashes, which lead to nobody"
_WORK = NotGiven("how far we have read, and when we look again")
_SHOWN_ALREADY = NotGiven("which rows belong together: the copy shows them together")

TABLES: tuple[Table, ...] = (
    # --- what they were told, and wrote ----------------------------------------------------------
    Table(
        "messaging.WebhookAttempt",
        NotGiven("each try to tell a program of an event that `webhook_delivery` names"),
        in_batches=True,
    ),
    Table(
        "messaging.WebhookDelivery",
        Own(("created_at", "status", "reason", "settled_at")),
        in_batches=True,
    ),
    Table(
        "messaging.Notice",
        Own(("way", "state", "reason", "occurred_at", "planned_at", "reached_at")),
        in_batches=True,
    ),
    Table(
        "messaging.AddressProof",
        Own(("state", "planned_at", "reached_at", "closed_at"), ("address",)),
    ),
    Table(
        "messaging.StreamEvent",
        NotGiven("that something of the copy is new: what a screen is woken by"),
        in_batches=True,
    ),
    Table("messaging.ReadMark", Own(("reader", "delivered_seq", "read_seq", "at"))),
    Table(
        "messaging.Message",
        Own(
            (
                "id",
                "seq",
                "kind",
                "author",
                "text",
                "template",
                "alert_id",
                "state",
                "state_at",
                "created_at",
                "changed_at",
            )
        ),
        in_batches=True,
    ),
    Table("messaging.Stream", NotGiven("how many events there were")),
    Table("messaging.Conversation", Own(("id", "created_at"))),
    Table("messaging.MailAddress", Own(("source", "changed_at", "refused_at"), ("address",))),
    Table("messaging.PushSubscription", Own(("label", "created_at", "reached_at"))),
    Table("messaging.WayChoice", Own(("way", "is_on", "changed_at"))),
    # --- what was asked of the bank, and read there -----------------------------------------------
    Table(
        "partners.Instruction",
        Own(("id", "kind", "status", "reason", "requested_at", "sent_at", "settled_at")),
        in_batches=True,
    ),
    Table("partners.Alert", ThroughTheGate("alerts"), in_batches=True),
    Table("partners.PurchaseConflict", NotGiven("what a bank sent and we did not believe")),
    Table("partners.ReceiptLine", ThroughTheGate("receipts"), in_batches=True),
    Table("partners.Receipt", ThroughTheGate("receipts"), in_batches=True),
    Table("partners.ShipmentStop", ThroughTheGate("shipments"), in_batches=True),
    Table("partners.Shipment", ThroughTheGate("shipments"), in_batches=True),
    Table(
        "partners.EntryConflict",
        NotGiven("what a bank sent and we did not believe"),
        in_batches=True,
    ),
    Table("partners.EntryPair", NotGiven("which rows may belong together"), in_batches=True),
    Table("partners.EntryAlias", _SHOWN_ALREADY, in_batches=True),
    Table("partners.Entry", ThroughTheGate("transactions"), in_batches=True),
    Table("partners.Balance", ThroughTheGate("balances")),
    Table("partners.FeedCursor", _WORK, in_batches=True),
    Table("partners.SyncRun", _WORK, in_batches=True),
    # --- what they allowed ------------------------------------------------------------------------
    Table("accounts.Objection", Own(("account_id", "at"))),
    Table("accounts.ConsentEvent", Own(("consent_id", "kind", "at", "by"))),
    Table("accounts.ConsentResource", Own(("consent_id", "account_id", "scope", "code"))),
    Table(
        "accounts.Consent",
        Own(
            (
                "id",
                "recipient",
                "purpose_id",
                "notice_id",
                "granted_at",
                "expires_at",
                "history_from",
                "ended_at",
                "ended_why",
            )
        ),
    ),
    Table("accounts.Link", Own(("account_id", "linked_at", "ended_at"))),
    Table(
        "partners.Authorisation",
        Own(("status", "choice", "failure", "created_at", "finished_at")),
    ),
    Table("partners.Connection", Own(("id", "status", "authorised_until", "created_at"))),
    Table(
        "partners.AccountNumber",
        NotGiven("hashes of the account's numbers, to find it by: of the numbers nothing is held"),
    ),
    Table("partners.Account", ThroughTheGate("accounts")),
    Table(
        "partners.LegalHold",
        NotGiven("the bank's own duty, of which it tells a customer itself"),
    ),
    Table(
        "accounts.ConsentRequest",
        NotGiven("a program's question, for an hour: what was answered is a consent, or an event"),
    ),
    Table("accounts.WindowCode", NotGiven("codes of a minute, as digests")),
    Table("accounts.WidgetSession", Own(("created_at", "expires_at", "ended_at"))),
    Table("partners.Customer", Own(("external_id", "display_name", "locale", "created_at"))),
    # --- what stays -------------------------------------------------------------------------------
    Table(
        "accounts.Disclosure",
        Own(
            (
                "id",
                "at",
                "consent_id",
                "recipient",
                "purpose",
                "door",
                "feed",
                "account_ids",
                "row_count",
                "decision",
                "reason",
                "request_id",
            )
        ),
        kept="the proof of what was shown and refused: under a pseudonym that leads to nobody any more",
    ),
    Table(
        "accounts.DisclosureCount",
        Own(("disclosure_id", "since", "until", "count")),
        kept="how often what a disclosure says happened: under the same pseudonym",
    ),
    *(
        Table(each, NotGiven("hashes of disclosures, and what is signed of them"), kept=_HASHES)
        for each in (
            "accounts.Unsealed",
            "accounts.Leaf",
            "accounts.Tile",
            "accounts.Checkpoint",
        )
    ),
    Table(
        "accounts.Tally",
        NotGiven("how many disclosures a day of the bank's had, of all its customers"),
        kept="numbers alone, which name nobody",
    ),
    Table("portal.SigningKey", NotGiven(_OF_THE_BANK), kept=_OF_THE_BANK),
    Table(
        "partners.ErasureJob", NotGiven("shown on the page that asked for it"), kept="the evidence"
    ),
    Table("portal.OutboxEvent", NotGiven("that something of the copy is new"), kept=_ONLY_IDS),
    Table("portal.OutboxDelivery", NotGiven("who heard of it"), kept=_ONLY_IDS),
    Table("portal.OutboxKey", NotGiven("how many events there were"), kept=_ONLY_IDS),
    Table(
        "portal.IdempotencyRecord",
        NotGiven("what a repeated request is answered"),
        kept="digests, and ids of ours alone; forgotten after a day",
    ),
    Table(
        "accounts.WidgetAssertion",
        NotGiven("which words of a bank were used already"),
        kept="random numbers of the bank's; forgotten once they could not be used again",
    ),
    Table(
        "partners.Notification",
        _WORK,
        kept="those that name an account that goes, go; others name others",
    ),
    Table(
        "partners.StatementImport",
        NotGiven(
            "that the bank brought a file, and how many rows of all its customers were in it"
        ),
        kept="the bank's own record: counts, last digits of accounts that nobody linked; goes with its age",
    ),
    Table(
        "partners.SpareConsent",
        NotGiven("what the bank has yet to be told is over, by the bank's own name for it"),
        kept="it leads to nobody here, and goes once the bank was told",
    ),
    Table("partners.StatementMapping", NotGiven(_OF_THE_BANK), kept=_OF_THE_BANK),
    Table("partners.ClientKey", NotGiven(_OF_THE_BANK), kept=_OF_THE_BANK),
    Table(
        "partners.StaffDeed",
        NotGiven("what the bank's staff had done"),
        kept="who of the bank did what, and when: it names no customer",
    ),
    Table("partners.Feed", NotGiven(_OF_THE_BANK), kept=_OF_THE_BANK),
    Table("partners.RetentionRule", NotGiven(_OF_THE_BANK), kept=_OF_THE_BANK),
    Table(
        "partners.RetentionRun",
        NotGiven("how many rows of all customers went on which day"),
        kept="the evidence that things age out: counts, and nobody's name",
    ),
    Table("partners.AlertRule", NotGiven(_OF_THE_BANK), kept=_OF_THE_BANK),
    Table("partners.Integration", NotGiven(_OF_THE_BANK), kept=_OF_THE_BANK),
)
