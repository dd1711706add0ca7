-- Stand-in for BlueMind's own schema: extensions, types and the functions that columns need.
CREATE EXTENSION IF NOT EXISTS hstore SCHEMA pg_catalog;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA pg_catalog;
CREATE EXTENSION IF NOT EXISTS ltree SCHEMA pg_catalog;
CREATE EXTENSION IF NOT EXISTS unaccent SCHEMA pg_catalog;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_repack SCHEMA public;

-- Asks the server's own tzdata, so a name that one distribution knows may be refused by another.
CREATE FUNCTION is_timezone(zone text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM now() AT TIME ZONE zone;
  RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN false;
END $$;
CREATE DOMAIN timezone AS text CHECK (is_timezone(VALUE));

CREATE TYPE t_mailbox_type AS ENUM ('user', 'mailshare', 'group', 'resource');
CREATE TYPE t_mailbox_routing AS ENUM ('none', 'internal', 'external');
CREATE TYPE t_directory_entry_kind AS ENUM
  ('user', 'group', 'resource', 'mailshare', 'calendar', 'addressbook', 'domain', 'orgunit', 'externaluser');
CREATE TYPE t_calendar_transparency AS ENUM ('Opaque', 'Transparent');
CREATE TYPE t_calendar_classification AS ENUM ('Public', 'Private', 'Confidential');
CREATE TYPE t_attendee_status AS ENUM ('NeedsAction', 'Accepted', 'Declined', 'Tentative', 'Delegated');
CREATE TYPE t_precision AS ENUM ('Date', 'DateTime');
CREATE TYPE t_job_status AS ENUM ('IN_PROGRESS', 'SUCCESS', 'COMPLETED_WITH_WARNINGS', 'FAILURE');

CREATE FUNCTION subject_key(subject text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT left(lower(regexp_replace(coalesce(subject, ''), '^((re|fwd?|tr) *: *)+', '', 'i')), 128) $$;
