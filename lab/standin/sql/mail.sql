-- Stand-in for BlueMind's own schema: the tables that the moved server's mail and directory live in.
CREATE TABLE t_container (
  id serial PRIMARY KEY, uid text NOT NULL, container_type text NOT NULL, name text NOT NULL,
  owner text, createdby text, updatedby text, created timestamp, updated timestamp,
  defaultcontainer boolean DEFAULT false, domain_uid text, readonly boolean DEFAULT false);
CREATE UNIQUE INDEX i_container_uid ON t_container (uid);
CREATE INDEX i_container_type ON t_container (container_type);
CREATE INDEX i_container_owner ON t_container (owner);
CREATE TABLE t_container_sequence (
  container_id int PRIMARY KEY REFERENCES t_container (id) ON DELETE CASCADE, seq bigint NOT NULL DEFAULT 0);
CREATE TABLE t_container_settings (
  container_id int PRIMARY KEY REFERENCES t_container (id) ON DELETE CASCADE, settings hstore);
CREATE TABLE t_container_acl (
  container_id int REFERENCES t_container (id) ON DELETE CASCADE, subject text NOT NULL, verb text NOT NULL);
CREATE INDEX i_container_acl_container ON t_container_acl (container_id);
CREATE INDEX i_container_acl_subject ON t_container_acl (subject);
CREATE TABLE t_container_item (
  id bigserial PRIMARY KEY, container_id int NOT NULL REFERENCES t_container (id), uid text NOT NULL,
  version bigint NOT NULL, external_id text, displayname text, createdby text, updatedby text,
  created timestamp, updated timestamp, flags int NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX i_container_item_uid ON t_container_item (container_id, uid);
CREATE INDEX i_container_item_version ON t_container_item (container_id, version);
CREATE INDEX i_container_item_external ON t_container_item (container_id, external_id) WHERE external_id IS NOT NULL;
CREATE TABLE t_changeset (
  type smallint NOT NULL, version bigint NOT NULL, container_id int NOT NULL, item_id bigint NOT NULL,
  weight_seed bigint NOT NULL, date timestamp, item_uid text,
  PRIMARY KEY (container_id, version, item_id)) PARTITION BY HASH (container_id);
CREATE INDEX i_changeset_item ON t_changeset (container_id, item_id);
CREATE INDEX i_changeset_uid ON t_changeset (container_id, item_uid);
CREATE INDEX i_changeset_date ON t_changeset (date);
CREATE INDEX i_changeset_weight ON t_changeset (container_id, weight_seed);

CREATE TABLE t_message_body (
  guid bytea PRIMARY KEY, subject text, structure jsonb, headers jsonb, recipients jsonb, message_id text,
  references_header text[], date_header timestamp, size int NOT NULL, preview varchar(160),
  body_version int NOT NULL DEFAULT 1, created timestamp NOT NULL DEFAULT now());
CREATE INDEX i_message_body_created ON t_message_body (created, guid);
CREATE INDEX i_message_body_message_id ON t_message_body (message_id);
CREATE TABLE t_mailbox_record (
  item_id bigint NOT NULL, subtree_id int NOT NULL, container_id int NOT NULL, imap_uid bigint NOT NULL,
  conversation_id bigint, last_updated timestamp, internal_date timestamp, system_flags int NOT NULL DEFAULT 0,
  message_body_guid bytea NOT NULL, other_flags text[],
  PRIMARY KEY (subtree_id, item_id)) PARTITION BY HASH (subtree_id);
CREATE INDEX i_mailbox_record_body ON t_mailbox_record (message_body_guid);
CREATE INDEX i_mailbox_record_uid ON t_mailbox_record (container_id, imap_uid);
CREATE INDEX i_mailbox_record_item ON t_mailbox_record (container_id, item_id);
CREATE INDEX i_mailbox_record_conversation ON t_mailbox_record (subtree_id, conversation_id);
CREATE INDEX i_mailbox_record_unseen ON t_mailbox_record (container_id) WHERE system_flags & 4 = 0;
CREATE INDEX i_mailbox_record_deleted ON t_mailbox_record (last_updated) WHERE system_flags & 8 = 8;
CREATE INDEX i_mailbox_record_date ON t_mailbox_record (container_id, internal_date);
CREATE INDEX i_mailbox_record_flags ON t_mailbox_record USING gin (other_flags) WHERE other_flags IS NOT NULL;
CREATE TABLE s_mailbox_record (
  item_id bigint NOT NULL, container_id int NOT NULL, internal_date timestamp, subject text, size int, sender text,
  unseen boolean, flagged boolean, deleted boolean,
  PRIMARY KEY (container_id, item_id)) PARTITION BY HASH (container_id);
CREATE INDEX i_s_mailbox_record_date ON s_mailbox_record (container_id, internal_date DESC);
CREATE INDEX i_s_mailbox_record_subject ON s_mailbox_record (container_id, subject);
CREATE INDEX i_s_mailbox_record_size ON s_mailbox_record (container_id, size);
CREATE INDEX i_s_mailbox_record_sender ON s_mailbox_record (container_id, sender);
CREATE INDEX i_s_mailbox_record_unseen ON s_mailbox_record (container_id, internal_date) WHERE unseen;
CREATE INDEX i_s_mailbox_record_flagged ON s_mailbox_record (container_id, internal_date) WHERE flagged;
CREATE INDEX i_s_mailbox_record_deleted ON s_mailbox_record (container_id) WHERE deleted;
CREATE INDEX i_s_mailbox_record_item ON s_mailbox_record (item_id);
CREATE TABLE v_conversation_by_folder (
  folder_id int NOT NULL, conversation_id bigint NOT NULL, date timestamp, size bigint, subject text, sender text,
  unseen boolean, flagged boolean) PARTITION BY HASH (folder_id);
CREATE UNIQUE INDEX i_v_conversation ON v_conversation_by_folder (folder_id, conversation_id);
CREATE INDEX i_v_conversation_date ON v_conversation_by_folder (folder_id, date DESC);
CREATE INDEX i_v_conversation_size ON v_conversation_by_folder (folder_id, size);
CREATE INDEX i_v_conversation_unseen ON v_conversation_by_folder (folder_id, date) WHERE unseen;
CREATE INDEX i_v_conversation_flagged ON v_conversation_by_folder (folder_id, date) WHERE flagged;
CREATE TABLE t_conversationreference (
  mailbox_id int NOT NULL, message_id_hash bigint NOT NULL, conversation_id bigint NOT NULL,
  created timestamp) PARTITION BY HASH (mailbox_id);
CREATE UNIQUE INDEX i_conversationreference ON t_conversationreference (mailbox_id, message_id_hash);
CREATE INDEX i_conversationreference_conversation ON t_conversationreference (mailbox_id, conversation_id);
CREATE INDEX i_conversationreference_created ON t_conversationreference (created);
CREATE TABLE v_container_item_counter (
  container_id int PRIMARY KEY, total bigint NOT NULL DEFAULT 0, deleted bigint NOT NULL DEFAULT 0);
CREATE TABLE t_mailbox_folder_flags (
  container_id int NOT NULL, flag text NOT NULL, PRIMARY KEY (container_id, flag));
CREATE TABLE q_message_body_purge (guid bytea PRIMARY KEY, queued timestamp NOT NULL DEFAULT now());
CREATE TABLE q_mailbox_record_expunged (
  subtree_id int NOT NULL, item_id bigint NOT NULL, container_id int NOT NULL, imap_uid bigint NOT NULL,
  queued timestamp NOT NULL DEFAULT now(), PRIMARY KEY (subtree_id, item_id));
CREATE TABLE q_directory_changed (uid text PRIMARY KEY, queued timestamp NOT NULL DEFAULT now());
CREATE TABLE t_mailbox_replica (
  item_id bigint NOT NULL REFERENCES t_container_item (id) ON DELETE CASCADE, container_id int NOT NULL,
  subtree_id int NOT NULL, records_id int NOT NULL, unique_id text NOT NULL, name text NOT NULL,
  parent_uid text, last_uid bigint, highest_mod_seq bigint, uid_validity bigint, quota_root text);
CREATE UNIQUE INDEX i_mailbox_replica_unique ON t_mailbox_replica (unique_id);
CREATE INDEX i_mailbox_replica_container ON t_mailbox_replica (container_id, name);

CREATE TABLE t_server (item_id bigint PRIMARY KEY, ip text, fqdn text, name text, tags text[]);
CREATE TABLE t_systemconf (configuration hstore);
CREATE TABLE t_settings_global (settings hstore);
CREATE TABLE t_domain (
  item_id bigint PRIMARY KEY, name text NOT NULL, label text, aliases text[], default_alias text,
  properties hstore, global boolean DEFAULT false);
CREATE UNIQUE INDEX i_domain_name ON t_domain (name);
CREATE TABLE t_directory_entry (
  item_id bigint NOT NULL REFERENCES t_container_item (id) ON DELETE CASCADE, kind t_directory_entry_kind,
  account_type text, entry_uid text, entry_path text, email text, displayname text, flag_hidden boolean,
  flag_system boolean, flag_archived boolean, datalocation text, orgunit_item_id bigint);
CREATE INDEX i_directory_entry_item ON t_directory_entry (item_id);
CREATE INDEX i_directory_entry_uid ON t_directory_entry (entry_uid);
CREATE INDEX i_directory_entry_email ON t_directory_entry (email);
CREATE TABLE t_domain_user (
  item_id bigint PRIMARY KEY REFERENCES t_container_item (id) ON DELETE CASCADE, login text NOT NULL,
  password text, archived boolean DEFAULT false, system boolean DEFAULT false, server_id text,
  password_lastchange timestamp, properties hstore);
CREATE INDEX i_domain_user_login ON t_domain_user (login);
CREATE TABLE t_mailbox (
  item_id bigint PRIMARY KEY REFERENCES t_container_item (id) ON DELETE CASCADE, name text NOT NULL,
  type t_mailbox_type NOT NULL, routing t_mailbox_routing NOT NULL, archived boolean DEFAULT false, quota int);
CREATE INDEX i_mailbox_name ON t_mailbox (name);
CREATE TABLE t_mailbox_email (
  left_address text NOT NULL, right_address text, all_aliases boolean DEFAULT false,
  is_default boolean DEFAULT false, item_id bigint NOT NULL REFERENCES t_mailbox (item_id) ON DELETE CASCADE);
CREATE INDEX i_mailbox_email_address ON t_mailbox_email (left_address, right_address);
CREATE INDEX i_mailbox_email_item ON t_mailbox_email (item_id);
CREATE TABLE t_calendar_vevent (
  item_id bigint REFERENCES t_container_item (id) ON DELETE CASCADE, ical_uid text, summary text, location text,
  description text, dtstart_timestamp timestamp, dtstart_timezone timezone, dtstart_precision t_precision,
  dtend_timestamp timestamp, dtend_timezone timezone, dtend_precision t_precision, recurid_timestamp timestamp,
  recurid_timezone timezone, transparency t_calendar_transparency, class t_calendar_classification, priority int,
  rrule_frequency text, rrule_count int, attendee_status t_attendee_status[], attendee_mailto text[], draft boolean);
CREATE INDEX i_calendar_vevent_item ON t_calendar_vevent (item_id);
CREATE INDEX i_calendar_vevent_start ON t_calendar_vevent (dtstart_timestamp);
CREATE INDEX i_calendar_vevent_uid ON t_calendar_vevent (ical_uid);
CREATE TABLE t_todolist_vtodo (
  item_id bigint REFERENCES t_container_item (id) ON DELETE CASCADE, ical_uid text, summary text,
  dtstart_timestamp timestamp, dtstart_timezone timezone, due_timestamp timestamp, due_timezone timezone,
  percent int, completed_timestamp timestamp, completed_timezone timezone, status text);
CREATE INDEX i_todolist_vtodo_item ON t_todolist_vtodo (item_id);
CREATE TABLE t_addressbook_vcard (
  item_id bigint REFERENCES t_container_item (id) ON DELETE CASCADE, kind text, formatted_name text,
  name_components text[], email text[], tel text[], birthday date, org text, note text, photo bytea);
CREATE INDEX i_addressbook_vcard_item ON t_addressbook_vcard (item_id);
CREATE INDEX i_addressbook_vcard_email ON t_addressbook_vcard USING gin (email);
CREATE TABLE t_document (item_id bigint, container_uid text, file_name text, mime text, size bigint, created timestamp);
CREATE INDEX i_document_item ON t_document (item_id);
CREATE TABLE schema_version (component text PRIMARY KEY, major int, build int, success boolean, upgraded timestamp);
CREATE TABLE t_component_version (component text PRIMARY KEY, version text NOT NULL, changed timestamp);
