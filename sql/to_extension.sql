-- Hands the queues of sql/pgmq.sql over to the extension pgmq, version 1.10 or newer, once the server
-- offers it. Tables move as they are, with rows, indexes and grants: nothing is copied. Statements
-- that come meanwhile wait, and find everything in its old place.
--
--     psql -1 -f sql/to_extension.sql        (all or nothing; as the owner of the queues)
--
-- Afterwards `pgtq install` gives the roles of pgtq their rights on the new schema.

do $$
begin
  if obj_description(to_regnamespace('pgmq'), 'pg_namespace') is distinct from 'pgtq pgmq 1.11.1+2' then
    raise exception 'Cannot hand over as the schema "pgmq" is not that of the current sql/pgmq.sql'
      using hint = 'Run sql/pgmq.sql first';
  end if;
end
$$;

alter schema pgmq rename to pgmq_before;
create extension pgmq;

do $$
declare
  moved text;
  setting record;
  others text;
begin
  if not exists (
    select from pg_attribute
    where attrelid = 'pgmq.message_record'::regclass and attname = 'last_read_at'
  ) then
    raise exception 'Cannot hand over as the extension is older than 1.10';
  end if;

  -- Partitions, too, which have tables of their own.
  for moved in
    select relname from pg_class
    where relnamespace = 'pgmq_before'::regnamespace and relkind in ('r', 'p') and relname ~ '^[qa]_'
  loop
    execute format(
      'drop trigger if exists trigger_notify_queue_insert_listeners on pgmq_before.%I', moved);
    execute format('alter table pgmq_before.%I set schema pgmq', moved);
  end loop;

  insert into pgmq.meta (queue_name, is_partitioned, is_unlogged, created_at)
  select queue_name, is_partitioned, is_unlogged, created_at from pgmq_before.meta;
  insert into pgmq.topic_bindings (pattern, queue_name, bound_at)
  select pattern, queue_name, bound_at from pgmq_before.topic_bindings;
  for setting in select queue_name, throttle_interval_ms from pgmq_before.notify_insert_throttle loop
    perform pgmq.enable_notify_insert(setting.queue_name, setting.throttle_interval_ms);
  end loop;

  select string_agg(relname, ', ') into others from pg_class
  where relnamespace = 'pgmq_before'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    and relname not in ('meta', 'notify_insert_throttle', 'topic_bindings');
  if others is not null then
    raise exception 'Cannot hand over as the schema "pgmq" also holds %', others
      using hint = 'Move it to another schema first';
  end if;
end
$$;

drop schema pgmq_before cascade;
