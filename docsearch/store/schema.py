"""The tables of the catalog, as a list of migrations: each brings a catalog from one version to the next."""

from __future__ import annotations

USER_TABLES: tuple[str, ...] = ("roots", "searches", "impressions")
"""What only the user can give: outlives a rebuild and a broken catalog. A table joins by being named
here, after those it refers to; its rows must not name documents by number, for numbers change when an
index is made anew."""

COSTLY_TABLES: tuple[str, ...] = ("recognised",)
"""What could be made from the files again, at the price of hours."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE roots (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        online INTEGER NOT NULL DEFAULT 1
    );
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        content TEXT NOT NULL,
        kind TEXT NOT NULL DEFAULT '',
        title TEXT NOT NULL DEFAULT '',
        pages INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        ready INTEGER NOT NULL DEFAULT 0
    );
    CREATE UNIQUE INDEX documents_content ON documents (content) WHERE ready = 1;
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        root INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        content TEXT NOT NULL DEFAULT '',
        document INTEGER REFERENCES documents (id)
    );
    CREATE INDEX files_document ON files (document);
    CREATE INDEX files_root ON files (root);
    CREATE TABLE failures (
        path BLOB NOT NULL,
        page INTEGER NOT NULL DEFAULT 0,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (path, page)
    );
    CREATE TABLE pages_waiting (
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        page INTEGER NOT NULL,
        PRIMARY KEY (document, page)
    ) WITHOUT ROWID;
    CREATE TABLE embedded (
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        fingerprint TEXT NOT NULL,
        PRIMARY KEY (document, fingerprint)
    ) WITHOUT ROWID;
    CREATE TABLE recognised (
        pixels TEXT NOT NULL,
        engine TEXT NOT NULL,
        text TEXT NOT NULL,
        words BLOB NOT NULL,
        PRIMARY KEY (pixels, engine)
    );
    CREATE TABLE recognised_pages (
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        page INTEGER NOT NULL,
        pixels TEXT NOT NULL,
        engine TEXT NOT NULL,
        PRIMARY KEY (document, page)
    ) WITHOUT ROWID;
    CREATE TABLE vocabulary (
        stem TEXT NOT NULL,
        word TEXT NOT NULL,
        pages INTEGER NOT NULL,
        PRIMARY KEY (stem, word)
    ) WITHOUT ROWID;
    CREATE TABLE languages (
        language TEXT PRIMARY KEY,
        pages INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE facts (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE VIRTUAL TABLE names USING fts5 (title, name, folder, tokenize = "ascii");
    CREATE VIRTUAL TABLE leads USING fts5 (terms, tokenize = "ascii");
    """,
    """
    CREATE TABLE searches (
        id TEXT PRIMARY KEY,
        at REAL NOT NULL,
        query TEXT NOT NULL,
        front TEXT NOT NULL DEFAULT '',
        learned INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX searches_at ON searches (at);
    CREATE TABLE impressions (
        search TEXT NOT NULL REFERENCES searches (id) ON DELETE CASCADE,
        rank INTEGER NOT NULL,
        content TEXT NOT NULL,
        page INTEGER NOT NULL,
        path BLOB NOT NULL,
        seen INTEGER NOT NULL DEFAULT 0,
        focus_seconds REAL NOT NULL DEFAULT 0,
        preview_seconds REAL NOT NULL DEFAULT 0,
        opened INTEGER NOT NULL DEFAULT 0,
        copied INTEGER NOT NULL DEFAULT 0,
        verdict INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (search, content, page)
    );
    CREATE INDEX impressions_said ON impressions (search) WHERE opened > 0 OR copied > 0 OR verdict <> 0;
    """,
)
