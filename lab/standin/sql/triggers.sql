-- Stand-in for BlueMind's own schema: 28 triggers on root tables, 20 of them on tables with 256 partitions.
CREATE FUNCTION record_sorted_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO s_mailbox_record
  SELECT NEW.item_id, NEW.container_id, NEW.internal_date, subject_key(b.subject), b.size, b.headers ->> 'from',
         NEW.system_flags & 4 = 0, NEW.system_flags & 2 = 2, NEW.system_flags & 8 = 8
    FROM t_message_body b WHERE b.guid = NEW.message_body_guid;
  RETURN NULL; END $$;
CREATE FUNCTION record_sorted_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE s_mailbox_record SET unseen = NEW.system_flags & 4 = 0, flagged = NEW.system_flags & 2 = 2,
         deleted = NEW.system_flags & 8 = 8, internal_date = NEW.internal_date
   WHERE container_id = NEW.container_id AND item_id = NEW.item_id;
  RETURN NULL; END $$;
CREATE FUNCTION record_sorted_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM s_mailbox_record WHERE container_id = OLD.container_id AND item_id = OLD.item_id;
  RETURN NULL; END $$;
CREATE FUNCTION record_conversation() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO v_conversation_by_folder AS v
  SELECT NEW.container_id, NEW.conversation_id, NEW.internal_date, b.size, subject_key(b.subject),
         b.headers ->> 'from', NEW.system_flags & 4 = 0, NEW.system_flags & 2 = 2
    FROM t_message_body b WHERE b.guid = NEW.message_body_guid
  ON CONFLICT (folder_id, conversation_id) DO UPDATE
     SET date = greatest(v.date, excluded.date), unseen = v.unseen OR excluded.unseen,
         flagged = v.flagged OR excluded.flagged, size = greatest(v.size, excluded.size);
  RETURN NULL; END $$;
CREATE FUNCTION record_conversation_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM v_conversation_by_folder WHERE folder_id = OLD.container_id AND conversation_id = OLD.conversation_id
     AND NOT EXISTS (SELECT 1 FROM t_mailbox_record r WHERE r.subtree_id = OLD.subtree_id
                        AND r.conversation_id = OLD.conversation_id AND r.container_id = OLD.container_id);
  RETURN NULL; END $$;
CREATE FUNCTION record_folder_flags() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO t_mailbox_folder_flags SELECT NEW.container_id, unnest(NEW.other_flags) ON CONFLICT DO NOTHING;
  RETURN NULL; END $$;
CREATE FUNCTION record_expunged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO q_mailbox_record_expunged VALUES (NEW.subtree_id, NEW.item_id, NEW.container_id, NEW.imap_uid)
  ON CONFLICT DO NOTHING;
  RETURN NULL; END $$;
CREATE FUNCTION record_not_expunged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM q_mailbox_record_expunged WHERE subtree_id = OLD.subtree_id AND item_id = OLD.item_id;
  RETURN NULL; END $$;
CREATE FUNCTION record_body_orphan() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO q_message_body_purge SELECT OLD.message_body_guid
   WHERE NOT EXISTS (SELECT 1 FROM t_mailbox_record r WHERE r.message_body_guid = OLD.message_body_guid)
  ON CONFLICT DO NOTHING;
  RETURN NULL; END $$;
CREATE FUNCTION record_body_used() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM q_message_body_purge WHERE guid = NEW.message_body_guid;
  RETURN NULL; END $$;
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'key columns of % never change', TG_TABLE_NAME; END $$;
CREATE FUNCTION stamp_internal_date() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.internal_date := coalesce(NEW.internal_date, now()); RETURN NEW; END $$;
CREATE FUNCTION stamp_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.date := now(); RETURN NEW; END $$;
CREATE FUNCTION item_counter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO v_container_item_counter AS v VALUES (NEW.container_id, 1, 0)
  ON CONFLICT (container_id) DO UPDATE SET total = v.total + 1;
  RETURN NULL; END $$;
CREATE FUNCTION item_counter_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE v_container_item_counter SET total = total - 1 WHERE container_id = OLD.container_id;
  RETURN NULL; END $$;
CREATE FUNCTION directory_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO q_directory_changed VALUES (NEW.entry_uid) ON CONFLICT DO NOTHING;
  RETURN NULL; END $$;
CREATE FUNCTION body_deleted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM q_message_body_purge WHERE guid = OLD.guid;
  RETURN NULL; END $$;

CREATE TRIGGER record_sorted_insert AFTER INSERT ON t_mailbox_record FOR EACH ROW EXECUTE FUNCTION record_sorted_insert();
CREATE TRIGGER record_sorted_update AFTER UPDATE ON t_mailbox_record FOR EACH ROW EXECUTE FUNCTION record_sorted_update();
CREATE TRIGGER record_sorted_delete AFTER DELETE ON t_mailbox_record FOR EACH ROW EXECUTE FUNCTION record_sorted_delete();
CREATE TRIGGER record_conversation_insert AFTER INSERT ON t_mailbox_record FOR EACH ROW
  WHEN (NEW.conversation_id IS NOT NULL) EXECUTE FUNCTION record_conversation();
CREATE TRIGGER record_conversation_update AFTER UPDATE OF system_flags ON t_mailbox_record FOR EACH ROW
  WHEN (NEW.conversation_id IS NOT NULL) EXECUTE FUNCTION record_conversation();
CREATE TRIGGER record_conversation_delete AFTER DELETE ON t_mailbox_record FOR EACH ROW EXECUTE FUNCTION record_conversation_delete();
CREATE TRIGGER record_flags_insert AFTER INSERT ON t_mailbox_record FOR EACH ROW
  WHEN (NEW.other_flags IS NOT NULL) EXECUTE FUNCTION record_folder_flags();
CREATE TRIGGER record_flags_update AFTER UPDATE OF other_flags ON t_mailbox_record FOR EACH ROW
  WHEN (NEW.other_flags IS NOT NULL) EXECUTE FUNCTION record_folder_flags();
CREATE TRIGGER record_expunged AFTER UPDATE OF system_flags ON t_mailbox_record FOR EACH ROW
  WHEN (NEW.system_flags & 8 = 8) EXECUTE FUNCTION record_expunged();
CREATE TRIGGER record_not_expunged AFTER DELETE ON t_mailbox_record FOR EACH ROW EXECUTE FUNCTION record_not_expunged();
CREATE TRIGGER record_body_orphan AFTER DELETE ON t_mailbox_record FOR EACH ROW EXECUTE FUNCTION record_body_orphan();
CREATE TRIGGER record_body_used AFTER INSERT ON t_mailbox_record FOR EACH ROW EXECUTE FUNCTION record_body_used();
CREATE TRIGGER record_internal_date BEFORE INSERT ON t_mailbox_record FOR EACH ROW
  WHEN (NEW.internal_date IS NULL) EXECUTE FUNCTION stamp_internal_date();
CREATE TRIGGER record_key BEFORE UPDATE ON t_mailbox_record FOR EACH ROW
  WHEN (NEW.subtree_id <> OLD.subtree_id OR NEW.item_id <> OLD.item_id) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sorted_internal_date BEFORE INSERT ON s_mailbox_record FOR EACH ROW
  WHEN (NEW.internal_date IS NULL) EXECUTE FUNCTION stamp_internal_date();
CREATE TRIGGER sorted_key BEFORE UPDATE ON s_mailbox_record FOR EACH ROW
  WHEN (NEW.container_id <> OLD.container_id OR NEW.item_id <> OLD.item_id) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sorted_size BEFORE UPDATE OF size ON s_mailbox_record FOR EACH ROW
  WHEN (NEW.size <> OLD.size) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER changeset_date BEFORE INSERT ON t_changeset FOR EACH ROW
  WHEN (NEW.date IS NULL) EXECUTE FUNCTION stamp_change();
CREATE TRIGGER changeset_key BEFORE UPDATE ON t_changeset FOR EACH ROW
  WHEN (NEW.container_id <> OLD.container_id) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER changeset_version BEFORE UPDATE ON t_changeset FOR EACH ROW
  WHEN (NEW.version < OLD.version) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER item_counter_insert AFTER INSERT ON t_container_item FOR EACH ROW EXECUTE FUNCTION item_counter();
CREATE TRIGGER item_counter_delete AFTER DELETE ON t_container_item FOR EACH ROW EXECUTE FUNCTION item_counter_delete();
CREATE TRIGGER item_key BEFORE UPDATE ON t_container_item FOR EACH ROW
  WHEN (NEW.id <> OLD.id OR NEW.container_id <> OLD.container_id) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER body_deleted AFTER DELETE ON t_message_body FOR EACH ROW EXECUTE FUNCTION body_deleted();
CREATE TRIGGER body_key BEFORE UPDATE ON t_message_body FOR EACH ROW
  WHEN (NEW.guid <> OLD.guid) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER directory_insert AFTER INSERT ON t_directory_entry FOR EACH ROW EXECUTE FUNCTION directory_changed();
CREATE TRIGGER directory_update AFTER UPDATE ON t_directory_entry FOR EACH ROW EXECUTE FUNCTION directory_changed();
CREATE TRIGGER domain_key BEFORE UPDATE ON t_domain FOR EACH ROW
  WHEN (NEW.item_id <> OLD.item_id) EXECUTE FUNCTION refuse_change();
