"""Three roles for a ledger on PostgreSQL, as SQL: who reads it, who writes it, who owns it."""

from __future__ import annotations

import re
from typing import NamedTuple

from aggregates.core import require
from store.postgres_schema import TABLES

LONGEST = 63
"""Bytes of a name; PostgreSQL cuts off what is longer."""
_TAKEN = re.compile(r"pg_|public$|none$|current_|session_user$|user$")


class Roles(NamedTuple):
    """`writer` and `reader` never change or remove a row; `owner` may, which erasing and repairing take."""

    owner: str
    writer: str
    reader: str


def roles_of(schema: str, owner: str = "", writer: str = "", reader: str = "") -> Roles:
    """The roles that were named, else some called after the schema. Raises Refused for names that are none."""
    chosen = Roles(owner or f"{schema}_owner", writer or f"{schema}_writer", reader or f"{schema}_reader")
    for name in chosen:
        usable = name.isprintable() and "$" not in name and len(name.encode()) <= LONGEST
        require(usable, f"“{name}” cannot be a role's name: it has at most {LONGEST} bytes, all printable, and no $")
        require(not _TAKEN.match(name.lower()), f"“{name}” is a name that PostgreSQL keeps for itself")
    require(len(set(chosen)) == len(chosen), "owner, writer and reader are three different roles")
    return chosen


def grants(schema: str, roles: Roles) -> str:
    """The statements: once or ten times, what comes of them is the same."""
    owner, writer, reader = map(_name, roles)
    tables = ", ".join(f"{_name(schema)}.{_name(table)}" for table in TABLES)
    owned = "\n".join(f"ALTER TABLE {_name(schema)}.{_name(table)} OWNER TO {owner};" for table in TABLES)
    return _SCRIPT.format(
        schema=_name(schema), plain=schema, owner=owner, writer=writer, reader=reader, tables=tables, owned=owned,
        all=", ".join(map(_text, roles)), is_schema=_text(schema), is_owner=_text(roles.owner),
        is_writer=_text(roles.writer),
    )  # fmt: skip


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_SCRIPT = """\
-- Who may do what with the ledger in the schema {plain}. An administrator of its database runs this, as often
-- as he likes: bo store grants | psql -v ON_ERROR_STOP=1 DATABASE
--
-- {writer} reads and adds; {reader} reads. Neither changes or removes a row.
-- {owner} may: erasing deletes keys and documents, `bo repair` a damaged end. A writer who erases something
-- destroys it for all readers at once; its rows are deleted by the next command of somebody with this role.
BEGIN;
SET LOCAL lock_timeout = '10s';
SET LOCAL standard_conforming_strings = on;

-- The roles, and whoever founded the ledger goes on as a writer.
DO $bo$
DECLARE wanted text; founder pg_roles%ROWTYPE;
BEGIN
  FOREACH wanted IN ARRAY ARRAY[{all}] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    END IF;
  END LOOP;
  SELECT r.* INTO STRICT founder FROM pg_roles r JOIN pg_namespace n ON n.nspowner = r.oid WHERE nspname = {is_schema};
  IF founder.rolname NOT IN ({all}) AND NOT founder.rolsuper THEN
    EXECUTE format('GRANT %I TO %I', {is_writer}, founder.rolname);
  END IF;
END $bo$;

ALTER SCHEMA {schema} OWNER TO {owner};
{owned}

-- Nobody has a right from elsewhere.
DO $bo$
DECLARE given record;
BEGIN
  FOR given IN
    SELECT 'SCHEMA ' || quote_ident(nspname) AS what, a.grantee FROM pg_namespace n, aclexplode(nspacl) a
      WHERE nspname = {is_schema}
    UNION SELECT format('TABLE %I.%I', nspname, relname), a.grantee
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace, aclexplode(relacl) a WHERE nspname = {is_schema}
    UNION SELECT format('TABLE %I.%I', nspname, relname), a.grantee
      FROM pg_attribute t JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace,
        aclexplode(attacl) a WHERE nspname = {is_schema}
  LOOP
    IF given.grantee = 0 THEN
      EXECUTE format('REVOKE ALL ON %s FROM PUBLIC CASCADE', given.what);
    ELSIF pg_get_userbyid(given.grantee) <> {is_owner} THEN
      EXECUTE format('REVOKE ALL ON %s FROM %I CASCADE', given.what, pg_get_userbyid(given.grantee));
    END IF;
  END LOOP;
END $bo$;

REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader};
GRANT SELECT ON {tables} TO {writer}, {reader};
GRANT INSERT ON {tables} TO {writer};
COMMIT;

-- Then, for each person or service: GRANT {writer} TO alice;
"""
