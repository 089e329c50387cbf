"""Full-text search over chunks, kept in step by the database itself: whatever writes a chunk, in its commit.

SQLite: an FTS5 table and three triggers. Rebuilding `document_chunks` drops triggers: a later migration that
alters the table has to run `install` again. PostgreSQL: a generated column with a GIN index.
"""

from django.db import migrations

SQLITE = (
    """CREATE VIRTUAL TABLE IF NOT EXISTS document_chunks_fts USING fts5(
        text, content='document_chunks', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
    "INSERT INTO document_chunks_fts(document_chunks_fts) VALUES ('rebuild')",
    """CREATE TRIGGER IF NOT EXISTS document_chunks_added AFTER INSERT ON document_chunks BEGIN
        INSERT INTO document_chunks_fts(rowid, text) VALUES (new.id, new.text); END""",
    """CREATE TRIGGER IF NOT EXISTS document_chunks_removed AFTER DELETE ON document_chunks BEGIN
        INSERT INTO document_chunks_fts(document_chunks_fts, rowid, text)
        VALUES ('delete', old.id, old.text); END""",
    """CREATE TRIGGER IF NOT EXISTS document_chunks_changed AFTER UPDATE OF text ON document_chunks BEGIN
        INSERT INTO document_chunks_fts(document_chunks_fts, rowid, text)
        VALUES ('delete', old.id, old.text);
        INSERT INTO document_chunks_fts(rowid, text) VALUES (new.id, new.text); END""",
)
POSTGRESQL = (
    """ALTER TABLE document_chunks ADD COLUMN words tsvector
        GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, text)) STORED""",
    "CREATE INDEX document_chunks_words ON document_chunks USING gin (words)",
)


def install(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE document_chunks DROP COLUMN words")
        return
    for name in ("added", "removed", "changed"):
        schema_editor.execute(f"DROP TRIGGER IF EXISTS document_chunks_{name}")
    schema_editor.execute("DROP TABLE IF EXISTS document_chunks_fts")


class Migration(migrations.Migration):
    dependencies = [("uploads", "0002_video_resumable")]

    operations = [migrations.RunPython(install, remove)]
