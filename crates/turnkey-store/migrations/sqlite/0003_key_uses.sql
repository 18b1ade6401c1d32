-- When each key was last seen to prove a call. A key is known by its fingerprint, which is keyed
-- with the master key: nobody can find the key by trying.

CREATE TABLE key_uses (
    fingerprint TEXT PRIMARY KEY NOT NULL,
    used_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
