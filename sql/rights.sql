-- Rights for those of the roles pgtq_producer, pgtq_worker and pgtq_observer that exist, on all that
-- the current role owns in the schema pgmq, of whatever version. PostgreSQL 14 to 18.
--
--     psql -f sql/rights.sql         (running it again is harmless; it never takes a right away)
--
-- Roles belong to the whole server. Where databases are not to share these,
--
--     alter database app set pgtq.roles = 'app'
--
-- makes them app_producer, app_worker and app_observer.

do $$
declare
  prefix text := coalesce(nullif(current_setting('pgtq.roles', true), ''), 'pgtq');
  home oid := to_regnamespace('pgmq');
  roles oid[] := array(
    select oid from pg_roles
    where rolname in (prefix || '_producer', prefix || '_worker', prefix || '_observer')
  );
  -- Triggers of other pgmqs note the time of a notification with the rights of whoever sends.
  triggers_need_rights boolean := exists (
    select from pg_proc
    where pronamespace = home and proname ~ '^notify_.*_listeners$' and not prosecdef
  );
  missing text;
  has_turn boolean := false;
begin
  if home is null or roles = '{}' then
    return;
  end if;

  -- Asked first what is missing, as each grant writes catalogs and invalidates plans.
  for missing in
    with rights (suffix, relation, privilege, columns) as (
      values
        -- Bodies go in and are never seen again. The rest is for groups and keys: who meets a key
        -- locks its task, which takes the right to write something.
        ('producer', 'q_', 'insert', '{vt,message,headers}'::name[]),
        ('producer', 'q_', 'select', '{msg_id,read_ct,enqueued_at,vt,headers,xmax}'),
        ('producer', 'q_', 'update', '{enqueued_at}'),
        ('producer', 'topic_bindings', 'select', null),
        ('worker', 'q_', 'select', null),
        ('worker', 'q_', 'insert', null),
        ('worker', 'q_', 'update', null),
        ('worker', 'q_', 'delete', null),
        ('worker', 'a_', 'select', null),
        ('worker', 'a_', 'insert', null),
        ('worker', 'a_', 'update', '{vt}'), -- one column at least, or no row can be locked
        ('worker', 'a_', 'delete', null),
        ('worker', 'topic_bindings', 'select', null),
        ('worker', 'meta', 'select', null),
        ('observer', 'any', 'select', null)
      union all
      select suffix, 'notify_insert_throttle', privilege, columns
      from (values ('producer'), ('worker')) as senders (suffix), (
        values ('select', null), ('update', '{last_notified_at}'::name[])
      ) as noted (privilege, columns)
      where triggers_need_rights
    ), wanted as (
      select r.oid as role, rolname, relation, privilege, col
      from rights join pg_roles r on rolname = prefix || '_' || suffix
      left join lateral unnest(columns) as col on true
    ), relations as (
      select c.oid, relname, case relkind when 'S' then 'sequence' else 'table' end as kind
      from pg_class c
      where relnamespace = home and relkind in ('r', 'p', 'S') and not relispartition
        and pg_has_role(relowner, 'usage')
    ), lacking as (
      select kind, relname, rolname, privilege,
        ' (' || string_agg(quote_ident(col), ', ') || ')' as columns
      from relations c join wanted on relation = 'any'
        or kind = 'table' and relation in (relname, left(relname, 2))
      left join pg_attribute on attrelid = c.oid and attname = col
      where case when col is null then not has_table_privilege(role, c.oid, privilege)
        else not has_column_privilege(role, c.oid, attnum, privilege) end
      group by kind, relname, rolname, privilege
    )
    select format('grant usage on schema pgmq to %I', rolname)
    from pg_namespace n join pg_roles r on r.oid = any (roles)
    where n.oid = home and pg_has_role(nspowner, 'usage')
      and not has_schema_privilege(r.oid, home, 'usage')
    union all
    select format('grant %s on %s pgmq.%I to %I',
      string_agg(privilege || coalesce(columns, ''), ', '), kind, relname, rolname)
    from lacking group by kind, relname, rolname
  loop
    -- Grants that meet fail. Queues are created under this lock, too.
    if not has_turn then
      perform pg_advisory_xact_lock(hashtextextended('pgtq', 0));
      has_turn := true;
    end if;
    begin
      execute missing;
    exception when undefined_table or undefined_object or internal_error then
      -- Queue or role have been dropped meanwhile, or somebody grants by hand at this instant.
    end;
  end loop;
end
$$;
