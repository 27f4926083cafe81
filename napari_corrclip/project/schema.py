"""The schema of a project's index: its tables, and how those of an earlier version become them."""

from __future__ import annotations

APPLICATION = 0x6E63_6C70
"""What SQLite keeps in the file to tell whose it is."""

MIGRATIONS = (
    """
    CREATE TABLE vocabularies (
        id INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE,
        document TEXT NOT NULL,
        made REAL NOT NULL
    );
    CREATE TABLE recipes (
        id INTEGER PRIMARY KEY,
        document TEXT NOT NULL UNIQUE,
        key TEXT NOT NULL,
        made REAL NOT NULL
    );
    CREATE TABLE project (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        vocabulary INTEGER NOT NULL REFERENCES vocabularies (id),
        recipe INTEGER NOT NULL REFERENCES recipes (id)
    );
    CREATE TABLE places (
        place TEXT PRIMARY KEY
    ) WITHOUT ROWID;
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        begun REAL NOT NULL,
        ended REAL,
        version TEXT NOT NULL,
        recipe INTEGER NOT NULL REFERENCES recipes (id),
        vocabulary INTEGER NOT NULL REFERENCES vocabularies (id),
        networks TEXT NOT NULL,
        done INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE items (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        path TEXT NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        mtime INTEGER NOT NULL,
        digest TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL DEFAULT 'new' CHECK (state IN (
            'new', 'running', 'pre-labelled', 'in review', 'verified', 'failed', 'skipped'
        )),
        reason TEXT NOT NULL DEFAULT '',
        by TEXT NOT NULL DEFAULT '',
        at REAL NOT NULL,
        run INTEGER REFERENCES runs (id),
        seconds REAL,
        regions INTEGER,
        undecided INTEGER,
        least REAL
    );
    CREATE INDEX items_by_state ON items (state, id);
    CREATE INDEX items_by_least ON items (least);
    CREATE INDEX items_by_run ON items (run);
    CREATE TABLE regions (
        item INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
        id INTEGER NOT NULL,
        value INTEGER NOT NULL,
        p REAL NOT NULL,
        margin REAL NOT NULL,
        area INTEGER NOT NULL,
        top INTEGER NOT NULL,
        "left" INTEGER NOT NULL,
        bottom INTEGER NOT NULL,
        "right" INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT '',
        by TEXT NOT NULL DEFAULT '',
        at REAL,
        run INTEGER REFERENCES runs (id),
        PRIMARY KEY (item, id)
    ) WITHOUT ROWID;
    CREATE INDEX regions_by_value ON regions (value, item);
    CREATE INDEX regions_by_p ON regions (state, p);
    """,
    """
    ALTER TABLE items ADD COLUMN gain REAL;
    UPDATE items SET gain = (
        SELECT coalesce(sum(area * (1 - margin)), 0) FROM regions
        WHERE item = items.id AND regions.state = ''
    ) WHERE regions IS NOT NULL;
    CREATE INDEX items_by_gain ON items (gain);
    CREATE INDEX items_by_path ON items (path, id);
    """,
    # Planes of a stack are items of one path, which was unique before; SQLite makes a table anew for that.
    # Meanwhile foreign keys are off, or the regions would go with the former table.
    """
    CREATE TABLE stacks (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        axes TEXT NOT NULL,
        shape TEXT NOT NULL,
        spacing TEXT NOT NULL,
        units TEXT NOT NULL
    );
    CREATE TABLE items_3 (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        path TEXT NOT NULL,
        plane TEXT NOT NULL DEFAULT '',
        stack INTEGER REFERENCES stacks (id),
        size INTEGER NOT NULL,
        mtime INTEGER NOT NULL,
        digest TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL DEFAULT 'new' CHECK (state IN (
            'new', 'running', 'pre-labelled', 'in review', 'verified', 'failed', 'skipped'
        )),
        reason TEXT NOT NULL DEFAULT '',
        by TEXT NOT NULL DEFAULT '',
        at REAL NOT NULL,
        run INTEGER REFERENCES runs (id),
        seconds REAL,
        regions INTEGER,
        undecided INTEGER,
        least REAL,
        gain REAL,
        UNIQUE (path, plane)
    );
    INSERT INTO items_3
        (id, name, path, size, mtime, digest, state, reason, by, at, run, seconds, regions, undecided, least,
        gain)
        SELECT id, name, path, size, mtime, digest, state, reason, by, at, run, seconds, regions, undecided,
            least, gain FROM items;
    DROP TABLE items;
    ALTER TABLE items_3 RENAME TO items;
    CREATE INDEX items_by_state ON items (state, id);
    CREATE INDEX items_by_least ON items (least);
    CREATE INDEX items_by_run ON items (run);
    CREATE INDEX items_by_gain ON items (gain);
    CREATE INDEX items_by_path ON items (path, id);
    CREATE INDEX items_by_stack ON items (stack);
    """,
    # `survivor` is what the heir itself has become, however often: readers look it up and follow no chain.
    """
    CREATE TABLE merged_classes (
        value INTEGER PRIMARY KEY,
        heir INTEGER NOT NULL,
        survivor INTEGER NOT NULL,
        place INTEGER NOT NULL,
        class TEXT NOT NULL,
        prompts TEXT NOT NULL,
        by TEXT NOT NULL,
        at REAL NOT NULL
    );
    CREATE VIEW shown_regions AS SELECT item, id,
        coalesce((SELECT survivor FROM merged_classes AS m WHERE m.value = regions.value), value) AS value,
        p, margin, area, top, "left", bottom, "right", state, by, at, run FROM regions;
    """,
    # Of an earlier version it has no row, and begins with the classes that there are.
    """
    CREATE TABLE class_tree (
        value INTEGER PRIMARY KEY,
        place INTEGER NOT NULL,
        parent INTEGER,
        passed INTEGER
    );
    """,
)
"""Each makes the schema of the next version out of that before it; the first one out of nothing."""

VERSION = len(MIGRATIONS)
"""The schema that this version of the package reads and writes."""
