"""What a database's schema consists of: for each kind of object a query for names and definitions.

All are written so that PostgreSQL 11 to 18 say the same of the same schema. Names are qualified,
because the sessions that ask have an empty search path. What belongs to an extension comes with it.
"""

from __future__ import annotations


def _foreign(catalog: str, oid: str) -> str:
    """A condition that holds for an extension's own object."""
    return (
        f"exists (select from pg_depend d where d.classid = '{catalog}'::regclass "
        f"and d.objid = {oid} and d.deptype = 'e')"
    )


OWN = f"""
with own as (
    select c.oid, n.nspname || '.' || c.relname as name, relkind, relpersistence, relowner,
        relreplident, reloptions, relpartbound, reltablespace, relrowsecurity, relispartition,
        relacl
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relpersistence <> 't'
      and not {_foreign("pg_class", "c.oid")}
), schemas as (
    select oid, nspname, nspowner, nspacl from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema'
      and not {_foreign("pg_namespace", "pg_namespace.oid")}
)
"""
# From 15 on the schema public belongs to a role of that meaning; before, to whoever made the
# cluster: https://www.postgresql.org/docs/15/release-15.html. A restore leaves that as it is.
_SCHEMA_OWNER = """case when nspname = 'public' and (nspowner = 10
    or pg_get_userbyid(nspowner) = 'pg_database_owner') then '' else
    pg_get_userbyid(nspowner)::text end"""


def _privileges(kind: str, acl: str, owner: str) -> str:
    """Who may do what; none stated means the usual ones. MAINTAIN is younger than 17."""
    return f"""(select string_agg(concat_ws(' ', coalesce(g.rolname, 'public'), x.privilege_type,
        case when x.is_grantable then 'and grant' end), ', ' order by g.rolname, x.privilege_type)
        from aclexplode(coalesce({acl}, acldefault(({kind})::"char", {owner}))) x
        left join pg_roles g on g.oid = x.grantee where x.privilege_type <> 'MAINTAIN')"""


_RELATIONS = _privileges("case relkind when 'S' then 's' else 'r' end", "relacl", "relowner")
_COLUMNS = _privileges("'c'", "attacl", "relowner")
_FUNCTIONS = _privileges("'f'", "proacl", "proowner")
_TYPES = _privileges("'T'", "typacl", "typowner")
_SCHEMAS = _privileges("'n'", "nspacl", "nspowner")
_DEFAULTS = _privileges("defaclobjtype", "defaclacl", "defaclrole")
KINDS: dict[str, str] = {
    "relation": """select name, relkind::text || relpersistence::text
        || ' owner ' || pg_get_userbyid(relowner)
        || coalesce(' options ' || array_to_string(reloptions, ','), '')
        || coalesce(' partition ' || pg_get_expr(relpartbound, own.oid), '')
        || coalesce(' by ' || pg_get_partkeydef(own.oid), '')
        || coalesce(' tablespace ' || (select spcname from pg_tablespace t
            where t.oid = reltablespace), '')
        || case when relrowsecurity then ' row security' else '' end
        || coalesce(' of ' || (select string_agg(h.inhparent::regclass::text, ',' order by inhseqno)
            from pg_inherits h where h.inhrelid = own.oid), '')
        from own where relkind not in ('i', 'I')""",
    "identity": """select name, relreplident::text || coalesce(' ' || (
            select i.indexrelid::regclass::text from pg_index i
            where i.indrelid = own.oid and i.indisreplident), '')
        from own where relkind in ('r', 'p', 'm') and relreplident <> 'd'""",
    "column": """select name || '.' || attname, format_type(atttypid, atttypmod)
        || case when attnotnull then ' not null' else '' end
        || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
        || case when attidentity <> '' then ' identity ' || attidentity::text else '' end
        || coalesce(' generated ' || nullif(to_jsonb(a) ->> 'attgenerated', ''), '')
        || coalesce(' collate ' || (select collname from pg_collation l
            where l.oid = attcollation and attcollation <> typcollation), '')
        from own join pg_attribute a on attrelid = own.oid join pg_type t on t.oid = atttypid
        left join pg_attrdef on adrelid = own.oid and adnum = attnum
        where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'v', 'm', 'f', 'c')""",
    "index": """select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
        || case when indisvalid then '' else ' invalid' end
        || case when indisclustered then ' clustered' else '' end
        || coalesce(' tablespace ' || (select spcname from pg_tablespace t
            where t.oid = c.reltablespace), '')
        from own join pg_index i on indrelid = own.oid join pg_class c on c.oid = i.indexrelid""",
    # NOT NULL is a constraint of its own from 18 on; the columns say it.
    "constraint": """select coalesce(nullif(conrelid, 0)::regclass::text,
            nullif(contypid, 0)::regtype::text) || '.' || conname, pg_get_constraintdef(k.oid)
        || case when convalidated then '' else ' not validated' end
        from pg_constraint k left join own on own.oid = conrelid
        where contype not in ('n', 't') and (own.oid is not null or contypid <> 0
            and connamespace in (select oid from schemas))""",
    # A partition's clones follow their parent, but for being switched off.
    "trigger": """select name || '.' || tgname, case when relispartition then '' else replace(
            pg_get_triggerdef(t.oid), 'EXECUTE PROCEDURE', 'EXECUTE FUNCTION') end
        || case tgenabled when 'O' then '' else ' ' || tgenabled::text end
        from own join pg_trigger t on tgrelid = own.oid
        where not tgisinternal and not relispartition
           or relispartition and tgenabled <> 'O' and tgconstraint = 0""",
    "function": f"""select p.oid::regprocedure::text, case when prokind = 'a' then (
            select concat_ws(' ', aggtransfn, aggfinalfn, aggtranstype::regtype, agginitval)
            from pg_aggregate where aggfnoid = p.oid)
            -- Since 14 a procedure's arguments say that they go in.
            else replace(replace(pg_get_functiondef(p.oid), '(IN ', '('), ', IN ', ', ') end
        || ' owner ' || pg_get_userbyid(proowner)
        from pg_proc p join schemas s on s.oid = pronamespace
        where not {_foreign("pg_proc", "p.oid")}""",
    # Only since 16 a column isn't qualified where one relation alone is read; what the view
    # depends on names it all the same.
    "view": """select name, regexp_replace(
            pg_get_viewdef(own.oid), '\\m[^\\s.,()]+\\.|[()\\s]+', '', 'g')
        || ' reads ' || coalesce((
            select string_agg(distinct d.refobjid::regclass || '.' || d.refobjsubid, ',')
            from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass
                and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
            where w.ev_class = own.oid and d.refobjid <> own.oid), '')
        from own where relkind in ('v', 'm')""",
    "rule": """select name || '.' || rulename, pg_get_ruledef(r.oid) || ev_enabled::text
        from own join pg_rewrite r on ev_class = own.oid where rulename <> '_RETURN'""",
    "policy": """select name || '.' || polname, concat_ws(' ', polcmd, polpermissive,
            polroles::regrole[]::text, pg_get_expr(polqual, polrelid),
            pg_get_expr(polwithcheck, polrelid))
        from own join pg_policy on polrelid = own.oid""",
    "type": f"""select t.oid::regtype::text, concat_ws(' ', typtype,
            nullif(format_type(typbasetype, typtypmod), '-'),
            case when typnotnull then 'not null' end, typdefault,
            (select string_agg(quote_literal(enumlabel), ',' order by enumsortorder) from pg_enum
                where enumtypid = t.oid),
            (select rngsubtype::regtype::text from pg_range where rngtypid = t.oid),
            (select collname from pg_collation l where l.oid = typcollation and typtype = 'd'),
            'owner ' || pg_get_userbyid(typowner))
        from pg_type t join schemas s on s.oid = typnamespace
        where typtype in ('e', 'd', 'r', 'b') and typcategory <> 'A'
          and not {_foreign("pg_type", "t.oid")}""",
    "sequence": """select name, concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmin,
            seqmax, seqcache, seqcycle, (select d.refobjid::regclass || '.' || d.refobjsubid
            from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = own.oid
                and d.deptype in ('a', 'i') and d.refobjsubid > 0))
        from own join pg_sequence on seqrelid = own.oid""",
    "schema": f"select nspname, {_SCHEMA_OWNER} from schemas",
    "extension": "select x.extname, extnamespace::regnamespace::text from pg_extension x",
    "statistics": """select stxnamespace::regnamespace || '.' || stxname,
            pg_get_statisticsobjdef(x.oid)
        from pg_statistic_ext x join own on own.oid = stxrelid""",
    "event trigger": f"""select evtname, concat_ws(' ', evtevent, evtenabled,
            evtfoid::regprocedure, array_to_string(evttags, ','))
        from pg_event_trigger e where not {_foreign("pg_event_trigger", "e.oid")}""",
    "privileges": f"""select relkind::text || ' ' || name, {_RELATIONS}
        from own where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        union all select 'column ' || name || '.' || attname, {_COLUMNS}
        from own join pg_attribute on attrelid = own.oid where attacl is not null
        union all select 'function ' || p.oid::regprocedure, {_FUNCTIONS}
        from pg_proc p join schemas s on s.oid = pronamespace
        where not {_foreign("pg_proc", "p.oid")}
        union all select 'type ' || t.oid::regtype, {_TYPES}
        from pg_type t join schemas s on s.oid = typnamespace
        where typtype in ('e', 'd', 'r', 'b') and typcategory <> 'A'
          and not {_foreign("pg_type", "t.oid")}
        union all select 'schema ' || nspname, {_SCHEMAS} from schemas where nspname <> 'public'
        union all select concat_ws(' ', 'default', pg_get_userbyid(defaclrole),
            nullif(defaclnamespace, 0)::regnamespace, defaclobjtype), {_DEFAULTS}
        from pg_default_acl""",
    "comment": """select pg_describe_object(classoid, objoid, objsubid), description
        from pg_description where objoid >= 16384
        and classoid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
        and not exists (select from pg_depend d where d.classid = classoid and d.objid = objoid
            and d.deptype = 'e')""",
    "object": """select i.type || ' ' || i.identity, '' from (
            select 'pg_operator'::regclass as class, oid from pg_operator
            union all select 'pg_cast'::regclass, oid from pg_cast
            union all select 'pg_collation'::regclass, oid from pg_collation
            union all select 'pg_ts_config'::regclass, oid from pg_ts_config
            union all select 'pg_ts_dict'::regclass, oid from pg_ts_dict
            union all select 'pg_foreign_server'::regclass, oid from pg_foreign_server
            union all select 'pg_language'::regclass, oid from pg_language
            union all select 'pg_opclass'::regclass, oid from pg_opclass) o,
            pg_identify_object(o.class, o.oid, 0) i
        where o.oid >= 16384 and not exists (select from pg_depend d where d.classid = o.class
            and d.objid = o.oid and d.deptype = 'e')""",
}
"""By kind: a query for names and definitions, after `OWN`."""
