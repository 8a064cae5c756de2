"""The tables of a ledger on PostgreSQL: how they are made, and how it is told that they are exactly these."""

from __future__ import annotations

LAYOUT = 1
COMMENT = f"bo ledger, layout {LAYOUT}"
"""The comment of the schema: it tells a ledger from other schemas, and the layout of its tables."""
ELSEWHERE = f"{COMMENT}, documents elsewhere"
"""The same where documents lie not in the tables but where each client's URL says. The place itself stands only there:
who can write this comment could send every client wherever he likes."""

TABLES = {
    "leaf": (
        "idx bigint", "kind bigint", "compartment bigint", "epoch bigint", "stream bytea", "version bigint",
        "count bigint", "ordinal bigint", "key_id bytea", "commitment bytea", "refs bytea", "body bytea",
    ),
    "head": ("size bigint", "note bytea"),
    "wrapped": ("key_id bytea", "wrapped bytea"),
    "slot": ("compartment bigint", "epoch bigint", "device bytea", "sealed bytea"),
    "blob": ("hash bytea", "upload bytea", "size bigint", "made bigint"),
    "blob_piece": ("upload bytea", "no bigint", "data bytea"),
}  # fmt: skip
"""Every column is NOT NULL and without a default; bytes are ciphertext, which nothing would compress."""
KEYS = {
    "leaf": "idx", "head": "size", "wrapped": "key_id", "slot": "compartment, epoch, device", "blob": "hash",
    "blob_piece": "upload, no",
}  # fmt: skip
UNIQUE = {"leaf_stream": ("leaf", "kind, compartment, stream, version")}


def statements(schema: str, comment: str = COMMENT) -> list[str]:
    """What makes the tables in an empty schema."""
    made = []
    for table, columns in TABLES.items():
        parts = [f"{column} NOT NULL" for column in columns]
        made.append(f"CREATE TABLE {schema}.{table}({', '.join(parts)}, PRIMARY KEY ({KEYS[table]}))")
        plain = [column.split()[0] for column in columns if column.endswith(" bytea")]
        made += [f"ALTER TABLE {schema}.{table} ALTER {column} SET STORAGE EXTERNAL" for column in plain]
    for name, (table, key) in UNIQUE.items():
        made.append(f"CREATE UNIQUE INDEX {name} ON {schema}.{table} ({key})")
    return [*made, f"COMMENT ON SCHEMA {schema} IS '{comment}'"]


def _expected() -> frozenset[str]:
    lines = []
    for table, columns in TABLES.items():
        lines.append(f"table {table}")
        for number, column in enumerate(columns, 1):
            lines.append(f"column {table}.{number} {column}" + (" external" if column.endswith(" bytea") else ""))
        lines.append(f"constraint {table}_pkey on {table}: PRIMARY KEY ({KEYS[table]})")
        lines.append(f"index CREATE UNIQUE INDEX {table}_pkey ON {table} USING btree ({KEYS[table]})")
    for name, (table, key) in UNIQUE.items():
        lines.append(f"index CREATE UNIQUE INDEX {name} ON {table} USING btree ({key})")
    return frozenset(lines)


EXPECTED = _expected()
EMPTY = frozenset({"comment none"})

FOUND = """
WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = '{schema}'),
rel AS (SELECT c.* FROM pg_class c JOIN ours ON c.relnamespace = ours.oid WHERE c.relkind NOT IN ('i', 'I'))
SELECT 'comment ' || coalesce(obj_description(oid, 'pg_namespace'), 'none') FROM ours
UNION ALL SELECT CASE WHEN relkind = 'r' AND relpersistence = 'p' AND NOT relispartition
                           AND relam = (SELECT oid FROM pg_am WHERE amname = 'heap')
                      THEN 'table ' ELSE 'another kind of table ' END || relname FROM rel
UNION ALL SELECT 'column ' || relname || '.' || attnum || ' ' || attname || ' ' || format_type(atttypid, atttypmod)
    || CASE attstorage WHEN 'p' THEN '' WHEN 'e' THEN ' external' ELSE ' packed' END
    || CASE WHEN attnotnull THEN '' ELSE ' null' END || CASE WHEN atthasdef THEN ' default' ELSE '' END
    || CASE WHEN attidentity = '' THEN '' ELSE ' identity' END
    || CASE WHEN attgenerated = '' THEN '' ELSE ' generated' END
    FROM pg_attribute JOIN rel ON attrelid = rel.oid WHERE attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'constraint ' || conname || ' on ' || coalesce(rel.relname, '') || ': ' || pg_get_constraintdef(p.oid)
    FROM pg_constraint p JOIN ours ON connamespace = ours.oid LEFT JOIN rel ON conrelid = rel.oid WHERE contype <> 'n'
UNION ALL SELECT 'index ' || replace(pg_get_indexdef(indexrelid), ' ' || nspname || '.', ' ')
    || CASE WHEN indisvalid AND indisready AND indislive THEN '' ELSE ' broken' END
    FROM ours, pg_index JOIN rel ON indrelid = rel.oid
UNION ALL SELECT 'row security of ' || relname FROM rel WHERE relrowsecurity
UNION ALL SELECT 'trigger ' || tgname || ' on ' || relname FROM pg_trigger JOIN rel ON tgrelid = rel.oid
UNION ALL SELECT 'rule ' || rulename || ' on ' || relname FROM pg_rewrite JOIN rel ON ev_class = rel.oid
UNION ALL SELECT 'policy ' || polname || ' on ' || relname FROM pg_policy JOIN rel ON polrelid = rel.oid
UNION ALL SELECT 'inheritance of ' || relname FROM pg_inherits JOIN rel ON rel.oid IN (inhrelid, inhparent)
UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger WHERE evtevent = 'login' AND evtenabled <> 'D'
UNION ALL SELECT DISTINCT 'foreign ' || coalesce(pg_describe_object(classid, objid, 0), classid::regclass::text)
    FROM pg_depend JOIN ours ON refobjid = ours.oid
    WHERE refclassid = 'pg_namespace'::regclass AND classid <> 'pg_class'::regclass
"""
"""One line for everything that stands in the schema or acts on its tables."""
STANDBY, WRITER = "it is a standby", "you may write"
STATE = f"""
UNION ALL SELECT '{STANDBY}' WHERE pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool
UNION ALL SELECT '{WRITER}' WHERE has_table_privilege(to_regclass('{{schema}}.leaf'), 'INSERT')
"""
"""What else is asked in the same breath: lines about the server and the role."""


def foreign(found: set[str]) -> str:
    """The first thing that is not ours, or is ours and missing; "" when all is as it was made."""
    expected = EXPECTED | ({f"comment {ELSEWHERE}"} & found or {f"comment {COMMENT}"})
    planted, missing = sorted(found - expected), sorted(expected - found)
    return planted[0] if planted else f"no {missing[0]}" if missing else ""


def is_elsewhere(found: set[str]) -> bool:
    """Whether documents lie outside of the tables."""
    return f"comment {ELSEWHERE}" in found
