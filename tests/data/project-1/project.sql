BEGIN TRANSACTION;
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
INSERT INTO "items" VALUES(1,'1-58cbccbc','../images/1.png',5146,1795915829884055349,'843e791f849a53f471ef7521f00fff0c','verified','','Bob',1.79591583623074102396e+09,1,1.18620580500009964453e+00,6,4,1.0);
INSERT INTO "items" VALUES(2,'2-0587a740','../images/2.png',6749,1795915829909087721,'cbf106c854db926dc2653aefe49be60e','pre-labelled','','',1.79591583619856786724e+09,1,1.2003628850000040984e+00,6,6,9.99988973140716552734e-01);
INSERT INTO "items" VALUES(3,'3-958b55a3','../images/3.png',6721,1795915829930577800,'','failed','''/photographs/3.png'' is no image that can be read; give a PNG, JPEG or TIFF image.','',1.79591583621352863316e+09,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE places (
        place TEXT PRIMARY KEY
    ) WITHOUT ROWID;
INSERT INTO "places" VALUES('../images');
CREATE TABLE project (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        vocabulary INTEGER NOT NULL REFERENCES vocabularies (id),
        recipe INTEGER NOT NULL REFERENCES recipes (id)
    );
INSERT INTO "project" VALUES(1,1,1);
CREATE TABLE recipes (
        id INTEGER PRIMARY KEY,
        document TEXT NOT NULL UNIQUE,
        key TEXT NOT NULL,
        made REAL NOT NULL
    );
INSERT INTO "recipes" VALUES(1,'{"format": "napari-corrclip recipe 1", "preset": "demo", "device": "auto", "dtype": "auto", "regions": "superpixels", "region_options": {"n_segments": 6, "compactness": 20.0, "sigma": 1.0, "min_size": 0.5}, "detail": "standard", "scale": null, "tile": null, "overlap": null, "settings": {"similarity": "dino-qk", "scope": true, "value": true, "merging": true, "spatial": true, "semantic": true, "correction": true, "unsegmented": "cross", "tau": 0.25, "alpha": 1.0, "beta": 0.5, "eps": 0.02, "logit_scale": 40.0, "short_side": 128, "long_side": 2048, "window": 128, "stride": 64, "windows": "separate", "batch_size": 4}, "parts": {}}','ec0dd51180fb909f4c649a9f2fafb912',1.79591583378856134412e+09);
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
INSERT INTO "regions" VALUES(1,1,1,1.0,1.0,507,0,0,25,21,'assigned','Ann',1.79591583622833967206e+09,1);
INSERT INTO "regions" VALUES(1,2,1,1.0,1.0,486,0,21,24,42,'assigned','Ann',1.79591583622833967206e+09,1);
INSERT INTO "regions" VALUES(1,3,2,1.0,1.0,544,0,41,25,64,'','',NULL,1);
INSERT INTO "regions" VALUES(1,4,2,1.0,1.0,501,23,0,48,21,'','',NULL,1);
INSERT INTO "regions" VALUES(1,5,2,1.0,1.0,506,23,21,48,42,'','',NULL,1);
INSERT INTO "regions" VALUES(1,6,2,1.0,1.0,528,24,41,48,64,'','',NULL,1);
INSERT INTO "regions" VALUES(2,1,1,9.99988973140716552734e-01,9.99977946281433105468e-01,519,0,0,24,23,'','',NULL,1);
INSERT INTO "regions" VALUES(2,2,1,9.99990105628967285156e-01,9.99980211257934570312e-01,513,0,21,24,43,'','',NULL,1);
INSERT INTO "regions" VALUES(2,3,1,9.99991118907928466796e-01,9.99982237815856933593e-01,504,0,43,24,64,'','',NULL,1);
INSERT INTO "regions" VALUES(2,4,1,9.99988973140716552734e-01,9.99977946281433105468e-01,526,24,0,48,22,'','',NULL,1);
INSERT INTO "regions" VALUES(2,5,1,9.99990105628967285156e-01,9.99980211257934570312e-01,506,24,21,48,43,'','',NULL,1);
INSERT INTO "regions" VALUES(2,6,1,9.99991118907928466796e-01,9.99982237815856933593e-01,504,24,43,48,64,'','',NULL,1);
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
INSERT INTO "runs" VALUES(1,1.79591583379426860808e+09,1.79591583621368241314e+09,'0.1.0',1,1,'[{"name": "clip", "sha256": null}, {"name": "similarity", "sha256": null}]',2,1);
CREATE TABLE vocabularies (
        id INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL UNIQUE,
        document TEXT NOT NULL,
        made REAL NOT NULL
    );
INSERT INTO "vocabularies" VALUES(1,'3550f2ade3afa51f','{"version": 1, "next_value": 3, "threshold": 0.0, "templates": null, "classes": [{"name": "red", "value": 1, "color": "#0a04e9", "prompts": ["red"], "background": false}, {"name": "background", "value": 2, "color": "#707074", "prompts": ["wood"], "background": true}]}',1.79591583378798890112e+09);
CREATE INDEX items_by_state ON items (state, id);
CREATE INDEX items_by_least ON items (least);
CREATE INDEX items_by_run ON items (run);
CREATE INDEX regions_by_value ON regions (value, item);
CREATE INDEX regions_by_p ON regions (state, p);
COMMIT;
PRAGMA user_version = 1;
PRAGMA application_id = 1852009584;
