"""What an entry says is kept as a digest, its fingerprint in as few bytes, and its bank by its account's key alone."""

from django.db import migrations, models

# Whatever writes anything of an entry without what it says then: that is not known any more.
_FORGET = """
    CREATE FUNCTION partners_entry_forget_digest() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.digest := NULL;
        RETURN NEW;
    END
    $$
"""
_WATCH = """
    CREATE TRIGGER forget_digest BEFORE UPDATE ON partners_entry FOR EACH ROW
    WHEN (OLD.digest = NEW.digest AND OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION partners_entry_forget_digest()
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0029_files_not_read_by_a_fault_of_ours")]

    operations = [
        migrations.AddField(
            model_name="entry",
            name="digest",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE partners_entry ALTER COLUMN fingerprint TYPE uuid"
                    " USING left(fingerprint, 32)::uuid",
                    "ALTER TABLE partners_entry ALTER COLUMN fingerprint TYPE varchar(64)"
                    " USING replace(fingerprint::text, '-', '')",
                )
            ],
            state_operations=[
                migrations.AlterField(
                    model_name="entry",
                    name="fingerprint",
                    field=models.UUIDField(),
                )
            ],
        ),
        migrations.RunSQL(_FORGET, "DROP FUNCTION partners_entry_forget_digest"),
        migrations.RunSQL(_WATCH, "DROP TRIGGER forget_digest ON partners_entry"),
        migrations.RunSQL(
            "ALTER TABLE partners_entry DROP CONSTRAINT partners_entry_bank_id_fk",
            "ALTER TABLE partners_entry ADD CONSTRAINT partners_entry_bank_id_fk"
            " FOREIGN KEY (bank_id) REFERENCES partners_bank (id) ON DELETE RESTRICT",
        ),
    ]
