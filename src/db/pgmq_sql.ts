/**
 * The text of sql/pgmq.sql. Generated: change that file, then run scripts/generate.ts.
 *
 * @module
 */

/** Our pgmq, for a database that has none. */
export const pgmqSql: string = `
-- pgmq's public SQL API for databases that have no pgmq of their own, written from its documented
-- behaviour: all of version 1.11.1, and reading from the newest end. PostgreSQL 14 to 18.
--
--     psql -1 -f sql/pgmq.sql        (all or nothing; running it again is harmless)
--
-- Contents: schema, types and tables, names, queues, partitions, metrics, sending, reading, reading
-- in groups, settling, notifications, topics, rights. What begins with _ is not for callers.
--
-- "Now" is clock_timestamp() wherever a message's visibility is concerned, so that a long
-- transaction sees time pass. Functions run with the rights of their caller.


-- Schema ------------------------------------------------------------------------------------------

-- The comment tells an installer whose pgmq this is. The last line of this file sets the version:
-- what was cut short in the middle stays at 0 and is completed by the next run.
do $$
declare
  home oid := to_regnamespace('pgmq');
begin
  if home is null then
    create schema pgmq;
  elsif obj_description(home, 'pg_namespace') like 'pgtq pgmq %' then
    return;
  elsif exists (
    select from pg_depend where refclassid = 'pg_namespace'::regclass and refobjid = home
  ) then
    raise exception 'Cannot install pgmq as the schema "pgmq" holds another one already';
  end if;
  comment on schema pgmq is 'pgtq pgmq 0';
end
$$;


-- Types and tables --------------------------------------------------------------------------------

do $$
begin
  if to_regtype('pgmq.message_record') is null then
    create type pgmq.message_record as (
      msg_id bigint,
      read_ct integer,
      enqueued_at timestamptz,
      last_read_at timestamptz,
      vt timestamptz,
      message jsonb,
      headers jsonb
    );
  end if;

  if to_regtype('pgmq.queue_record') is null then
    create type pgmq.queue_record as (
      queue_name varchar,
      is_partitioned boolean,
      is_unlogged boolean,
      created_at timestamptz
    );
  end if;

  if to_regtype('pgmq.metrics_result') is null then
    create type pgmq.metrics_result as (
      queue_name text,
      queue_length bigint,
      newest_msg_age_sec integer,
      oldest_msg_age_sec integer,
      total_messages bigint,
      scrape_time timestamptz,
      queue_visible_length bigint
    );
  end if;
end
$$;

-- The queues, by their names as given.
create table if not exists pgmq.meta (
  queue_name varchar unique not null,
  is_partitioned boolean not null,
  is_unlogged boolean not null,
  created_at timestamptz default now() not null
);

-- Logged, as the triggers would outlive what an unlogged table loses in a crash.
create table if not exists pgmq.notify_insert_throttle (
  queue_name varchar unique not null references pgmq.meta (queue_name) on delete cascade,
  throttle_interval_ms integer default 0 not null,
  last_notified_at timestamptz default to_timestamp(0) not null
);
create index if not exists notify_insert_throttle_table_idx
  on pgmq.notify_insert_throttle (lower(queue_name));

-- A * stands for one or more characters other than a dot, a # for any characters at all.
create table if not exists pgmq.topic_bindings (
  pattern text not null,
  queue_name text not null references pgmq.meta (queue_name) on delete cascade,
  bound_at timestamptz default now() not null,
  compiled_regex text generated always as (
    '^' || replace(replace(replace(pattern, '.', '[.]'), '*', '[^.]+'), '#', '.*') || '$'
  ) stored,
  unique (pattern, queue_name)
);
-- What comes before the first wildcard: few patterns begin as a routing key does.
create index if not exists topic_bindings_beginning_idx
  on pgmq.topic_bindings (substring(pattern from '^[^*#]*'));
create index if not exists topic_bindings_queue_idx on pgmq.topic_bindings (queue_name);


-- Names -------------------------------------------------------------------------------------------

-- Refuses names of more than 47 bytes (not characters): archived_at_idx_… has to fit into 63.
create or replace function pgmq.validate_queue_name(queue_name text) returns void
language plpgsql as $$
begin
  if octet_length(lower(queue_name)) > 47 then
    raise exception 'queue name is too long, maximum length is 47 bytes';
  end if;
end
$$;

-- The name of the table that a queue has under a prefix.
create or replace function pgmq.format_table_name(queue_name text, prefix text) returns text
language plpgsql as $$
begin
  if queue_name ~ '[$;'']|--' then
    raise exception 'queue name contains invalid characters: $, ;, -- or ''';
  end if;
  return lower(prefix || '_' || queue_name);
end
$$;

-- Whether there is a table of this name: indexes and sequences are named after their queues, too.
create or replace function pgmq._is_table(name text) returns boolean
language sql stable as $$
  select exists (
    select from pg_class
    where relnamespace = 'pgmq'::regnamespace and relname = name and relkind in ('r', 'p')
  )
$$;

-- Has creating and dropping a queue take turns, so that many clients may do both at once.
create or replace function pgmq._lock_queue(queue_name text) returns void
language sql as $$
  select pg_advisory_xact_lock(
    hashtextextended('pgmq.' || pgmq.format_table_name(queue_name, 'q'), 0))
$$;


-- Queues ------------------------------------------------------------------------------------------

-- Creates the table of waiting messages if it is missing, partitioned if by a column.
create or replace function pgmq._create_queue_table(queue_name text, unlogged boolean, control text)
returns void language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
begin
  -- An existing queue is left alone: asking for it again takes neither ownership nor heavy locks.
  if pgmq._is_table(queue) then
    return;
  end if;
  -- Moving rows between partitions writes ids, which "always" would refuse.
  execute format(
    'create %s table pgmq.%I (
      msg_id bigint generated %s as identity,
      read_ct integer default 0 not null,
      enqueued_at timestamptz default now() not null,
      last_read_at timestamptz,
      vt timestamptz not null,
      message jsonb,
      headers jsonb,
      primary key (%s)
    ) %s',
    case when unlogged then 'unlogged' end,
    queue,
    case when control is null then 'always' else 'by default' end,
    concat_ws(', ', 'msg_id', nullif(control, 'msg_id')),
    'partition by range (' || control || ')');
  execute format('create index %I on pgmq.%I (vt)', queue || '_vt_idx', queue);
  -- What metrics read, and no message bodies.
  execute format('grant select (enqueued_at, vt) on pgmq.%I to pg_monitor', queue);
  execute format('grant select on sequence pgmq.%I to pg_monitor', queue || '_msg_id_seq');
end
$$;

-- Creates the table of archived messages if it is missing, partitioned if by a column.
create or replace function pgmq._create_archive_table(queue_name text, control text)
returns void language plpgsql as $$
declare
  archive text := pgmq.format_table_name(queue_name, 'a');
begin
  if pgmq._is_table(archive) then
    return;
  end if;
  execute format(
    'create table pgmq.%I (
      msg_id bigint,
      read_ct integer default 0 not null,
      enqueued_at timestamptz default now() not null,
      last_read_at timestamptz,
      archived_at timestamptz default now() not null,
      vt timestamptz not null,
      message jsonb,
      headers jsonb,
      primary key (%s)
    ) %s',
    archive,
    concat_ws(', ', 'msg_id', nullif(control, 'msg_id')),
    'partition by range (' || control || ')');
  execute format(
    'create index %I on pgmq.%I (archived_at)', lower('archived_at_idx_' || queue_name), archive);
end
$$;

-- Creates what a queue consists of, where it is missing.
create or replace function pgmq._create(queue_name text, unlogged boolean) returns void
language plpgsql as $$
begin
  perform pgmq.validate_queue_name(queue_name);
  perform pgmq._lock_queue(queue_name);
  perform pgmq._create_queue_table(queue_name, unlogged, null);
  perform pgmq._create_archive_table(queue_name, null);
  insert into pgmq.meta (queue_name, is_partitioned, is_unlogged)
  values (_create.queue_name, false, unlogged)
  on conflict do nothing;
end
$$;

-- Creates a queue; again, nothing happens.
create or replace function pgmq.create_non_partitioned(queue_name text) returns void
language sql as $$
  select pgmq._create(queue_name, false)
$$;

-- Creates a queue whose waiting messages, though not its archive, are lost in a crash.
create or replace function pgmq.create_unlogged(queue_name text) returns void
language sql as $$
  select pgmq._create(queue_name, true)
$$;

-- Creates a queue; again, nothing happens.
create or replace function pgmq.create(queue_name text) returns void
language sql as $$
  select pgmq._create(queue_name, false)
$$;

-- Drops a queue with all that belongs to it; false if there is none.
create or replace function pgmq.drop_queue(queue_name text) returns boolean
language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
  archive text := pgmq.format_table_name(queue_name, 'a');
  existed boolean;
begin
  perform pgmq._lock_queue(queue_name);
  existed := pgmq._is_table(queue);
  if existed then
    perform pgmq._forget_partitions(queue), pgmq._forget_partitions(archive);
    execute format('drop table pgmq.%I', queue);
    execute format('drop table if exists pgmq.%I', archive);
  end if;
  -- Names that differ only in case share the tables, so all of them go.
  delete from pgmq.meta m where lower(m.queue_name) = lower(drop_queue.queue_name);
  return existed;
end
$$;

-- The old form, for clients that still call it.
create or replace function pgmq.drop_queue(queue_name text, partitioned boolean) returns boolean
language plpgsql as $$
begin
  raise warning 'drop_queue(queue_name, partitioned) is deprecated, use drop_queue(queue_name)';
  perform pgmq.drop_queue(queue_name);
  return true;
end
$$;

-- Removes all messages, hidden ones too, and counts them.
create or replace function pgmq.purge_queue(queue_name text) returns bigint
language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
  purged bigint;
begin
  -- Locked before counting: otherwise what is sent in between would vanish uncounted.
  execute format('lock table pgmq.%I in access exclusive mode', queue);
  execute format('select count(*) from pgmq.%I', queue) into purged;
  execute format('truncate pgmq.%I', queue);
  return purged;
end
$$;

-- All queues, by name.
create or replace function pgmq.list_queues() returns setof pgmq.queue_record
language sql stable as $$
  select queue_name, is_partitioned, is_unlogged, created_at from pgmq.meta order by queue_name
$$;

-- Does nothing: archives were members of the extension once, and clients still call it.
create or replace function pgmq.detach_archive(queue_name text) returns void
language plpgsql as $$
begin
  perform pgmq.format_table_name(queue_name, 'a');
end
$$;


-- Partitions --------------------------------------------------------------------------------------

-- The schema of pg_partman, which does the partitioning.
create or replace function pgmq._partman() returns text
language plpgsql stable as $$
declare
  home text;
begin
  select n.nspname into home
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_partman';
  if home is null then
    raise exception 'pg_partman is required for partitioned queues';
  end if;
  return home;
end
$$;

-- Hands a partitioned table over to pg_partman, whose version 4 also wants to know the type.
create or replace function pgmq._partition(
  name text, control text, partition_interval text, retention_interval text, premake integer
) returns void language plpgsql as $$
declare
  partman text := pgmq._partman();
  version text := (select extversion from pg_extension where extname = 'pg_partman');
begin
  execute format(
    'select %I.create_parent(p_parent_table := $1, p_control := $2, p_type := $3, p_interval := $4,
      p_premake := $5)', partman)
  using 'pgmq.' || name, control, case when version like '4.%' then 'native' else 'range' end,
    partition_interval, premake;
  execute format(
    'update %I.part_config
    set retention = $2, retention_keep_table = false, retention_keep_index = false,
      automatic_maintenance = ''on'', infinite_time_partitions = true
    where parent_table = $1', partman)
  using 'pgmq.' || name, retention_interval;
end
$$;

-- Has pg_partman forget a table, if it is partitioned, and drops the template kept for it.
create or replace function pgmq._forget_partitions(name text) returns void
language plpgsql as $$
declare
  template text;
begin
  if not exists (
    select from pg_class where oid = to_regclass(format('pgmq.%I', name)) and relkind = 'p'
  ) then
    return;
  end if;
  execute format(
    'delete from %I.part_config where parent_table = $1 returning template_table', pgmq._partman())
  into template using 'pgmq.' || name;
  if template is not null then
    execute format('drop table if exists %I.%I',
      split_part(template, '.', 1), substr(template, strpos(template, '.') + 1));
  end if;
end
$$;

-- The column to partition by: an integer interval counts messages, any other one is a time.
create or replace function pgmq._control(partition_interval text, timed_by text) returns text
language sql immutable as $$
  select case when partition_interval ~ '^ *[0-9]+ *$' then 'msg_id' else timed_by end
$$;

-- Creates a queue with partitioned tables; partitions older than the retention are dropped.
create or replace function pgmq.create_partitioned(
  queue_name text, partition_interval text default '10000',
  retention_interval text default '100000', premake integer default 4
) returns void language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
  archive text := pgmq.format_table_name(queue_name, 'a');
  queued_by text := pgmq._control(partition_interval, 'enqueued_at');
  archived_by text := pgmq._control(partition_interval, 'archived_at');
begin
  perform pgmq.validate_queue_name(queue_name);
  perform pgmq._partman();
  perform pgmq._lock_queue(queue_name);
  if not pgmq._is_table(queue) then
    perform pgmq._create_queue_table(queue_name, false, queued_by);
    perform pgmq._partition(queue, queued_by, partition_interval, retention_interval, premake);
  end if;
  if not pgmq._is_table(archive) then
    perform pgmq._create_archive_table(queue_name, archived_by);
    perform pgmq._partition(archive, archived_by, partition_interval, retention_interval, premake);
  end if;
  insert into pgmq.meta (queue_name, is_partitioned, is_unlogged)
  values (create_partitioned.queue_name, true, false)
  on conflict do nothing;
end
$$;

-- Puts an empty partitioned archive in the place of one that is kept as a_<name>_old.
create or replace function pgmq.convert_archive_partitioned(
  table_name text, partition_interval text default '10000',
  retention_interval text default '100000', leading_partition integer default 10
) returns void language plpgsql as $$
declare
  archive text := pgmq.format_table_name(table_name, 'a');
  control text := pgmq._control(partition_interval, 'archived_at');
  kind "char" := (
    select relkind from pg_class where relnamespace = 'pgmq'::regnamespace and relname = archive
  );
begin
  if kind is distinct from 'r' then
    raise notice 'archive % %', archive,
      case kind when 'p' then 'is partitioned already' else 'does not exist' end;
    return;
  end if;
  perform pgmq._partman();
  perform pgmq._lock_queue(table_name);
  execute format('alter table pgmq.%I rename to %I', archive, archive || '_old');
  execute format('alter index pgmq.%I rename to %I', archive || '_pkey', archive || '_old_pkey');
  execute format('alter index pgmq.%I rename to %I',
    lower('archived_at_idx_' || table_name), archive || '_old_idx');
  perform pgmq._create_archive_table(table_name, control);
  perform pgmq._partition(archive, control, partition_interval, retention_interval, 4);
end
$$;


-- Metrics -----------------------------------------------------------------------------------------

-- Counts a queue: how many, how many visible, how old in seconds, how many ever.
create or replace function pgmq.metrics(queue_name text) returns pgmq.metrics_result
language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
  result pgmq.metrics_result;
begin
  execute format(
    'select
      $1,
      count(*),
      extract(epoch from $2 - max(enqueued_at))::integer,
      extract(epoch from $2 - min(enqueued_at))::integer,
      (select case when is_called then last_value else 0 end from pgmq.%I),
      $2,
      count(*) filter (where vt <= $2)
    from pgmq.%I', queue || '_msg_id_seq', queue)
  into result using queue_name, clock_timestamp();
  return result;
end
$$;

-- Counts all queues.
create or replace function pgmq.metrics_all() returns setof pgmq.metrics_result
language plpgsql as $$
declare
  name text;
begin
  for name in select queue_name from pgmq.list_queues() loop
    begin
      return next pgmq.metrics(name);
    exception when undefined_table then
      -- Dropped since it was listed.
    end;
  end loop;
end
$$;


-- Sending -----------------------------------------------------------------------------------------

-- Sends a message with headers that becomes visible at a time, and returns its id.
create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay timestamptz)
returns setof bigint language plpgsql as $$
begin
  return query execute format(
    'insert into pgmq.%I (vt, message, headers) values ($1, $2, $3) returning msg_id',
    pgmq.format_table_name(queue_name, 'q')
  ) using delay, msg, headers;
end
$$;

-- The same, after a delay in seconds.
create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay integer)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, headers, clock_timestamp() + make_interval(secs => delay))
$$;

-- The same without headers, at a time.
create or replace function pgmq.send(queue_name text, msg jsonb, delay timestamptz)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, null, delay)
$$;

-- The same without headers, after a delay in seconds.
create or replace function pgmq.send(queue_name text, msg jsonb, delay integer)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, null, delay)
$$;

-- The same with headers, at once.
create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, headers, clock_timestamp())
$$;

-- The same without headers, at once.
create or replace function pgmq.send(queue_name text, msg jsonb)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, null, clock_timestamp())
$$;

-- Refuses a batch that is empty, or whose headers are not as many as its messages.
create or replace function pgmq._validate_batch(msgs jsonb[], headers jsonb[]) returns void
language plpgsql as $$
begin
  if coalesce(cardinality(msgs), 0) = 0 then
    raise exception 'msgs cannot be null or empty';
  elsif cardinality(headers) <> cardinality(msgs) then
    raise exception 'headers array length (%) must match msgs array length (%)',
      cardinality(headers), cardinality(msgs);
  end if;
end
$$;

-- Sends messages with headers that become visible at a time, and returns their ids in order.
create or replace function pgmq.send_batch(
  queue_name text, msgs jsonb[], headers jsonb[], delay timestamptz
) returns setof bigint language plpgsql as $$
begin
  perform pgmq._validate_batch(msgs, headers);
  return query execute format(
    'insert into pgmq.%I (vt, message, headers)
    select $1, t.msg, t.header
    from unnest($2, $3) with ordinality t (msg, header, place)
    order by t.place
    returning msg_id',
    pgmq.format_table_name(queue_name, 'q')
  ) using delay, msgs, headers;
end
$$;

-- The same, after a delay in seconds.
create or replace function pgmq.send_batch(
  queue_name text, msgs jsonb[], headers jsonb[], delay integer
) returns setof bigint language sql as $$
  select pgmq.send_batch(
    queue_name, msgs, headers, clock_timestamp() + make_interval(secs => delay))
$$;

-- The same without headers, at a time.
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], delay timestamptz)
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, null, delay)
$$;

-- The same without headers, after a delay in seconds.
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], delay integer)
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, null, delay)
$$;

-- The same with headers, at once.
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], headers jsonb[])
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, headers, clock_timestamp())
$$;

-- The same without headers, at once.
create or replace function pgmq.send_batch(queue_name text, msgs jsonb[])
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, null, clock_timestamp())
$$;


-- Reading -----------------------------------------------------------------------------------------

-- The word for a direction: ASC begins with the oldest message, DESC with the newest.
create or replace function pgmq._direction(direction text) returns text
language plpgsql immutable as $$
begin
  if upper(direction) in ('ASC', 'DESC') then
    return upper(direction);
  end if;
  raise exception 'direction must be ASC or DESC, not %', coalesce(direction, 'null');
end
$$;

-- SQL that hides visible messages and returns them in order, by "now" in $1, seconds in $2, quantity
-- in $3 and filter in $4. "Now" is a value, as a call to clock_timestamp() would keep the index on vt
-- from being used; without a filter there is none in the plan.
create or replace function pgmq._read(queue text, direction text) returns text
language sql immutable as $$
  select format(
    'with due as (
      select msg_id from pgmq.%1$I
      where vt <= $1 and ($4 is null or message @> $4)
      order by msg_id %2$s
      limit $3
      for update skip locked
    ), taken as (
      update pgmq.%1$I q
      set read_ct = read_ct + 1,
        last_read_at = clock_timestamp(),
        vt = clock_timestamp() + make_interval(secs => $2)
      from due
      where q.msg_id = due.msg_id
      returning q.msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers
    )
    select * from taken order by msg_id %2$s', queue, direction)
$$;

-- Hides the oldest visible messages for some seconds and returns them.
create or replace function pgmq.read(
  queue_name text, vt integer, qty integer, conditional jsonb default '{}'
) returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute pgmq._read(pgmq.format_table_name(queue_name, 'q'), 'ASC')
  using clock_timestamp(), vt, qty, nullif(conditional, '{}');
end
$$;

-- Reads by a statement, with parameters as above, until it finds something or the time is over.
create or replace function pgmq._poll(
  statement text, vt integer, qty integer, conditional jsonb,
  max_poll_seconds integer, poll_interval_ms integer
) returns setof pgmq.message_record language plpgsql as $$
declare
  deadline timestamptz := clock_timestamp() + make_interval(secs => max_poll_seconds);
begin
  while clock_timestamp() < deadline loop
    return query execute statement
    using clock_timestamp(), vt, qty, nullif(conditional, '{}');
    exit when found;
    perform pg_sleep_until(
      least(deadline, clock_timestamp() + make_interval(secs => poll_interval_ms / 1000.0)));
  end loop;
end
$$;

-- Reads, and looks again while there is nothing.
create or replace function pgmq.read_with_poll(
  queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100, conditional jsonb default '{}', direction text default 'ASC'
) returns setof pgmq.message_record language sql as $$
  select * from pgmq._poll(
    pgmq._read(pgmq.format_table_name(queue_name, 'q'), pgmq._direction(direction)),
    vt, qty, conditional, max_poll_seconds, poll_interval_ms)
$$;

-- Deletes the oldest visible messages and returns them.
create or replace function pgmq.pop(queue_name text, qty integer default 1)
returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'with due as (
      select msg_id from pgmq.%1$I
      where vt <= $1
      order by msg_id
      limit $2
      for update skip locked
    ), taken as (
      delete from pgmq.%1$I q
      using due
      where q.msg_id = due.msg_id
      returning q.msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers
    )
    select * from taken order by msg_id',
    pgmq.format_table_name(queue_name, 'q')
  ) using clock_timestamp(), qty;
end
$$;

-- Makes messages visible at a time, and returns them in order.
create or replace function pgmq.set_vt(queue_name text, msg_ids bigint[], vt timestamptz)
returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'with changed as (
      update pgmq.%I
      set vt = $2
      where msg_id = any ($1)
      returning msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers
    )
    select * from changed order by msg_id',
    pgmq.format_table_name(queue_name, 'q')
  ) using msg_ids, vt;
end
$$;

-- The same, some seconds from now.
create or replace function pgmq.set_vt(queue_name text, msg_ids bigint[], vt integer)
returns setof pgmq.message_record language sql as $$
  select pgmq.set_vt(queue_name, msg_ids, clock_timestamp() + make_interval(secs => vt))
$$;

-- The same for one message, at a time.
create or replace function pgmq.set_vt(queue_name text, msg_id bigint, vt timestamptz)
returns setof pgmq.message_record language sql as $$
  select pgmq.set_vt(queue_name, array[msg_id], vt)
$$;

-- The same for one message, some seconds from now.
create or replace function pgmq.set_vt(queue_name text, msg_id bigint, vt integer)
returns setof pgmq.message_record language sql as $$
  select pgmq.set_vt(queue_name, array[msg_id], clock_timestamp() + make_interval(secs => vt))
$$;


-- Reading in groups -------------------------------------------------------------------------------

-- The head of a group is its oldest message, or its newest where the direction is DESC. While the
-- head is hidden the group is blocked, else open. What may be read of it is its run: the messages
-- from the head up to the first that is hidden. Whoever reads from a group locks its head, so that
-- no two readers get messages of one group.

-- The group of a row, as SQL. An index entry has limited room, hence the 500 characters.
create or replace function pgmq._group() returns text
language sql immutable as $$
  select format(
    '(left(coalesce(headers ->> %L, %L), 500) collate "C")', 'x-pgmq-group', '_default_fifo_group')
$$;

-- Creates the index that finds groups and their heads; again, nothing happens.
create or replace function pgmq.create_fifo_index(queue_name text) returns void
language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
begin
  perform pgmq._lock_queue(queue_name);
  -- Asked first: "if not exists" wants the owner's rights even where there is nothing to do.
  if not exists (
    select from pg_index where indexrelid = to_regclass(format('pgmq.%I', queue || '_fifo_idx'))
  ) then
    execute format('create index %I on pgmq.%I (%s, msg_id)',
      queue || '_fifo_idx', queue, pgmq._group());
  end if;
end
$$;

-- Creates that index for every queue.
create or replace function pgmq.create_fifo_indexes_all() returns void
language sql as $$
  select pgmq.create_fifo_index(queue_name) from pgmq.list_queues()
$$;

-- Whether a queue has that index, or the same one under the name that pgtq gives it.
create or replace function pgmq._has_group_index(queue text) returns boolean
language sql stable as $$
  select exists (
    select from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am a on a.oid = c.relam
    where i.indrelid = format('pgmq.%I', queue)::regclass and i.indisvalid
      and a.amname = 'btree' and c.relname in (queue || '_fifo_idx', queue || '_pgtq_group')
  )
$$;

-- SQL that goes through the open groups of a queue by their heads, locks each head that nobody else
-- has locked, and brings the ids of a run of at most $2 messages. "Now" is $1.
--
-- "near" takes the heads among the first thousand messages, which most of them are. "far" goes from
-- group to group by the index, however many messages each has. "all" does without the index.
create or replace function pgmq._runs(queue text, direction text, reach text) returns text
language sql immutable as $$
  select format(
    case reach
      when 'near' then
        'with head as (
          select distinct on (grp) msg_id, vt, grp
          from (
            select msg_id, vt, %2$s as grp from pgmq.%1$I order by msg_id %3$s limit 1000
          ) near
          order by grp, msg_id %3$s
        )'
      when 'far' then
        'with recursive head as (
          (select msg_id, vt, %2$s as grp from pgmq.%1$I order by %2$s %3$s, msg_id %3$s limit 1)
          union all
          select next.* from head cross join lateral (
            select msg_id, vt, %2$s as grp from pgmq.%1$I
            where %2$s %4$s head.grp order by %2$s %3$s, msg_id %3$s limit 1
          ) next
        )'
      when 'all' then
        'with head as (
          select msg_id, vt, grp
          from (select %5$s(msg_id) as msg_id, %2$s as grp from pgmq.%1$I group by 2) first
          join pgmq.%1$I using (msg_id)
        )'
    end || '
    select run.ids
    from (select msg_id, grp from head where vt <= $1 order by msg_id %3$s) open
    cross join lateral (
      select from pgmq.%1$I q where q.msg_id = open.msg_id and q.vt <= $1
      limit 1 for update skip locked
    ) locked
    cross join lateral (
      select array_agg(msg_id order by msg_id %3$s) as ids
      from (
        select msg_id, bool_and(vt <= $1) over (order by msg_id %3$s) as visible
        from (
          select msg_id, vt from pgmq.%1$I
          where %2$s = open.grp and msg_id %4$s= open.msg_id order by msg_id %3$s limit $2
        ) first
      ) member
      where visible
    ) run',
    queue, pgmq._group(), direction,
    case direction when 'ASC' then '>' else '<' end,
    case direction when 'ASC' then 'min' else 'max' end)
$$;

-- Goes through runs until there are enough messages: their ids, and the head of the group of each.
create or replace function pgmq._pick(
  runs text, depth integer, enough integer, out ids bigint[], out heads bigint[]
) language plpgsql as $$
declare
  -- A cursor, as each step locks a head.
  step refcursor;
  run bigint[];
  id bigint;
begin
  ids := '{}';
  heads := '{}';
  open step for execute runs using clock_timestamp(), depth;
  while cardinality(ids) < enough loop
    fetch step into run;
    exit when not found;
    foreach id in array run loop
      ids := ids || id;
      heads := heads || run[1];
    end loop;
  end loop;
  close step;
end
$$;

-- Hides messages of open groups for some seconds and returns them: group by group, or in rounds,
-- the heads first, then the second messages, and so on; no more than depth of each group.
create or replace function pgmq._read_grouped(
  queue_name text, vt integer, qty integer, in_rounds boolean, depth integer, direction text
) returns setof pgmq.message_record language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
  way text := pgmq._direction(direction);
  enough integer := coalesce(qty, 2147483647);
  reach text;
  picked record;
begin
  foreach reach in array
    array['near', case when pgmq._has_group_index(queue) then 'far' else 'all' end]
  loop
    picked := pgmq._pick(
      pgmq._runs(queue, way, reach), case when in_rounds then 1 else depth end, enough);
    exit when cardinality(picked.ids) >= enough;
  end loop;
  if in_rounds and cardinality(picked.ids) between 1 and enough - 1 then
    -- Fewer groups than messages wanted: more of each, up to what is wanted in all.
    picked := pgmq._pick(
      pgmq._runs(queue, way, reach), enough - cardinality(picked.ids) + 1, 2147483647);
  end if;

  -- Others may have locked or changed members of a run, though not in a grouped read, since it was
  -- picked: what comes after such a one stays.
  return query execute format(
    'with member as (
      select id, head, row_number() over (partition by head order by nth) as place
      from unnest($1, $2) with ordinality as picked (id, head, nth)
    ), free as (
      select msg_id from pgmq.%1$I
      where msg_id = any ($1) and vt <= clock_timestamp()
      for update skip locked
    ), sound as (
      select id, head, place,
        bool_and(msg_id is not null) over (partition by head order by place) as whole
      from member left join free on msg_id = id
    ), due as (
      select id, row_number() over (order by %2$s) as turn
      from sound where whole order by turn limit $3
    ), taken as (
      update pgmq.%1$I q
      set read_ct = read_ct + 1,
        last_read_at = clock_timestamp(),
        vt = clock_timestamp() + make_interval(secs => $4)
      from due
      where q.msg_id = due.id
      returning q.msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers, turn
    )
    select msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers
    from taken order by turn',
    queue, case when in_rounds then 'place, head ' || way else 'head ' || way || ', place' end
  ) using picked.ids, picked.heads, qty, vt;
end
$$;

-- Hides messages of the group with the oldest head for some seconds, then of the next one.
create or replace function pgmq.read_grouped(queue_name text, vt integer, qty integer)
returns setof pgmq.message_record language sql as $$
  select * from pgmq._read_grouped(queue_name, vt, qty, false, qty, 'ASC')
$$;

-- The same in rounds: the first message of each open group, then the second ones, and so on.
create or replace function pgmq.read_grouped_rr(
  queue_name text, vt integer, qty integer, direction text default 'ASC'
) returns setof pgmq.message_record language sql as $$
  select * from pgmq._read_grouped(queue_name, vt, qty, true, qty, direction)
$$;

-- The same, but nothing except the heads.
create or replace function pgmq.read_grouped_head(queue_name text, vt integer, qty integer)
returns setof pgmq.message_record language sql as $$
  select * from pgmq._read_grouped(queue_name, vt, qty, false, 1, 'ASC')
$$;

-- Reads in groups, and looks again while there is nothing.
create or replace function pgmq.read_grouped_with_poll(
  queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100
) returns setof pgmq.message_record language sql as $$
  select * from pgmq._poll(
    format('select * from pgmq.read_grouped(%L, $2, $3)', queue_name),
    vt, qty, null, max_poll_seconds, poll_interval_ms)
$$;

-- Reads in rounds, and looks again while there is nothing.
create or replace function pgmq.read_grouped_rr_with_poll(
  queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100, direction text default 'ASC'
) returns setof pgmq.message_record language sql as $$
  select * from pgmq._poll(
    format('select * from pgmq.read_grouped_rr(%L, $2, $3, %L)', queue_name, direction),
    vt, qty, null, max_poll_seconds, poll_interval_ms)
$$;

-- Reads heads, and looks again while there is nothing.
create or replace function pgmq.read_grouped_head_with_poll(
  queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100
) returns setof pgmq.message_record language sql as $$
  select * from pgmq._poll(
    format('select * from pgmq.read_grouped_head(%L, $2, $3)', queue_name),
    vt, qty, null, max_poll_seconds, poll_interval_ms)
$$;


-- Settling ----------------------------------------------------------------------------------------

-- SQL that moves messages to the archive with all their columns: those whose ids are in $1.
create or replace function pgmq._archive(queue text, archive text) returns text
language sql immutable as $$
  select format(
    'with gone as (
      delete from pgmq.%I
      where msg_id = any ($1)
      returning msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers
    )
    insert into pgmq.%I (msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers)
    select * from gone order by msg_id
    returning msg_id', queue, archive)
$$;

-- Archives messages, and returns the ids that were there.
create or replace function pgmq.archive(queue_name text, msg_ids bigint[])
returns setof bigint language plpgsql as $$
begin
  return query execute pgmq._archive(
    pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a')
  ) using msg_ids;
end
$$;

-- Archives a message; false if there is none.
create or replace function pgmq.archive(queue_name text, msg_id bigint) returns boolean
language plpgsql as $$
declare
  archived bigint;
begin
  execute pgmq._archive(
    pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a')
  ) into archived using array[msg_id];
  return archived is not null;
end
$$;

-- Removes messages, and returns the ids that were there.
create or replace function pgmq.delete(queue_name text, msg_ids bigint[])
returns setof bigint language plpgsql as $$
begin
  return query execute format(
    'delete from pgmq.%I where msg_id = any ($1) returning msg_id',
    pgmq.format_table_name(queue_name, 'q')
  ) using msg_ids;
end
$$;

-- Removes a message; false if there is none.
create or replace function pgmq.delete(queue_name text, msg_id bigint) returns boolean
language plpgsql as $$
begin
  perform pgmq.delete(queue_name, array[msg_id]);
  return found;
end
$$;


-- Notifications -----------------------------------------------------------------------------------

-- Notifies of an insert, on the channel of each name that has asked for it. Runs with the rights of
-- its owner, so that senders need none on the settings.
create or replace function pgmq._notify_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  -- A variable, as an expression would have the collation of "name", and find no index.
  queue text := substr(tg_table_name, 3);
  name text;
  throttle interval;
  last timestamptz;
begin
  for name, throttle, last in
    select queue_name, make_interval(secs => throttle_interval_ms / 1000.0), last_notified_at
    from pgmq.notify_insert_throttle
    where lower(queue_name) = queue
  loop
    if throttle > interval '0' then
      continue when last + throttle > clock_timestamp();
      begin
        -- Never waits: a sender whose transaction lasts must not hold up all others. If one has the
        -- setting locked, it may still roll back, so we notify, too.
        select last_notified_at into last
        from pgmq.notify_insert_throttle where queue_name = name for update skip locked;
        if found then
          continue when last + throttle > clock_timestamp();
          update pgmq.notify_insert_throttle
          set last_notified_at = clock_timestamp() where queue_name = name;
        end if;
      exception when serialization_failure then
        -- The setting is newer than what this transaction may see. That is no reason to fail.
      end;
    end if;
    perform pg_notify(format('pgmq.q_%s.INSERT', name), '');
  end loop;
  return null;
end
$$;

-- Refuses a setting for a queue that is not there, or a negative interval.
create or replace function pgmq._validate_throttle(queue_name text, throttle_interval_ms integer)
returns void language plpgsql as $$
begin
  perform pgmq.format_table_name(queue_name, 'q');
  if throttle_interval_ms < 0 then
    raise exception 'throttle_interval_ms must not be negative: %', throttle_interval_ms;
  elsif not exists (select from pgmq.meta m where m.queue_name = $1) then
    raise exception 'queue "%" does not exist', queue_name;
  end if;
end
$$;

-- Whether a table has the trigger. Asked first, as to make or drop one waits for open senders.
create or replace function pgmq._notifies(queue text) returns boolean
language sql stable as $$
  select exists (
    select from pg_trigger
    where tgrelid = to_regclass(format('pgmq.%I', queue))
      and tgname = 'trigger_notify_queue_insert_listeners'
  )
$$;

-- Has inserts notify "pgmq.q_<name>.INSERT" when they commit, at most once per interval.
create or replace function pgmq.enable_notify_insert(
  queue_name text, throttle_interval_ms integer default 250
) returns void language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
begin
  perform pgmq._validate_throttle(queue_name, throttle_interval_ms);
  perform pgmq._lock_queue(queue_name);
  insert into pgmq.notify_insert_throttle (queue_name, throttle_interval_ms)
  values (enable_notify_insert.queue_name, enable_notify_insert.throttle_interval_ms)
  on conflict on constraint notify_insert_throttle_queue_name_key do update
  set throttle_interval_ms = excluded.throttle_interval_ms, last_notified_at = default;
  if not pgmq._notifies(queue) then
    execute format(
      'create trigger trigger_notify_queue_insert_listeners after insert on pgmq.%I
      for each statement execute function pgmq._notify_insert()', queue);
  end if;
end
$$;

-- Ends that; fine if it was never on.
create or replace function pgmq.disable_notify_insert(queue_name text) returns void
language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
begin
  perform pgmq._lock_queue(queue_name);
  delete from pgmq.notify_insert_throttle n where n.queue_name = disable_notify_insert.queue_name;
  -- Names that differ only in case share the table, and its trigger.
  if pgmq._notifies(queue) and not exists (
    select from pgmq.notify_insert_throttle n where lower(n.queue_name) = substr(queue, 3)
  ) then
    execute format('drop trigger trigger_notify_queue_insert_listeners on pgmq.%I', queue);
  end if;
end
$$;

-- Gives notifications another interval, and forgets the last one.
create or replace function pgmq.update_notify_insert(queue_name text, throttle_interval_ms integer)
returns void language plpgsql as $$
begin
  perform pgmq._validate_throttle(queue_name, throttle_interval_ms);
  update pgmq.notify_insert_throttle n
  set throttle_interval_ms = update_notify_insert.throttle_interval_ms, last_notified_at = default
  where n.queue_name = update_notify_insert.queue_name;
  if not found then
    raise exception 'notifications of queue "%" are not enabled', queue_name;
  end if;
end
$$;

-- The queues with notifications, by name.
create or replace function pgmq.list_notify_insert_throttles()
returns table (queue_name text, throttle_interval_ms integer, last_notified_at timestamptz)
language sql stable as $$
  select queue_name, throttle_interval_ms, last_notified_at
  from pgmq.notify_insert_throttle order by queue_name
$$;


-- Topics ------------------------------------------------------------------------------------------

-- Refuses what is no dotted name of allowed characters; what it is begins the message.
create or replace function pgmq._validate_topic(what text, value text, allowed text) returns void
language plpgsql immutable as $$
begin
  if coalesce(value, '') = '' then
    raise exception '% must not be null or empty', what;
  elsif length(value) > 255 then
    raise exception '% must not be longer than 255 characters: it has %', what, length(value);
  elsif value ~ ('[^' || allowed || ']') then
    raise exception '% contains invalid characters: %', what, value;
  elsif value ~ '^[.]|[.]$|[.][.]' then
    raise exception '% must not begin or end with a dot, or have two in a row: %', what, value;
  end if;
end
$$;

-- Whether a message can be sent by this key: true, or an exception.
create or replace function pgmq.validate_routing_key(routing_key text) returns boolean
language plpgsql immutable as $$
begin
  perform pgmq._validate_topic('routing_key', routing_key, 'A-Za-z0-9._-');
  return true;
end
$$;

-- Whether a queue can be bound by this pattern: true, or an exception.
create or replace function pgmq.validate_topic_pattern(pattern text) returns boolean
language plpgsql immutable as $$
begin
  perform pgmq._validate_topic('pattern', pattern, 'A-Za-z0-9._*#-');
  if pattern ~ '[*#][*#]' then
    raise exception 'pattern must not have wildcards side by side: %', pattern;
  end if;
  return true;
end
$$;

-- Has a queue receive what is sent by a key that matches the pattern; again, nothing happens.
create or replace function pgmq.bind_topic(pattern text, queue_name text) returns void
language plpgsql as $$
begin
  perform pgmq.validate_topic_pattern(pattern);
  perform pgmq.format_table_name(queue_name, 'q');
  if not exists (select from pgmq.meta m where m.queue_name = bind_topic.queue_name) then
    raise exception 'queue "%" does not exist', queue_name;
  end if;
  insert into pgmq.topic_bindings (pattern, queue_name)
  values (bind_topic.pattern, bind_topic.queue_name)
  on conflict do nothing;
end
$$;

-- Ends that; false if there was no such binding.
create or replace function pgmq.unbind_topic(pattern text, queue_name text) returns boolean
language plpgsql as $$
begin
  delete from pgmq.topic_bindings b
  where b.pattern = unbind_topic.pattern and b.queue_name = unbind_topic.queue_name;
  return found;
end
$$;

-- All bindings, the newest first.
create or replace function pgmq.list_topic_bindings()
returns table (pattern text, queue_name text, bound_at timestamptz, compiled_regex text)
language sql stable as $$
  select b.pattern, b.queue_name, b.bound_at, b.compiled_regex
  from pgmq.topic_bindings b order by b.bound_at desc, b.pattern, b.queue_name
$$;

-- The bindings of a queue, the newest first.
create or replace function pgmq.list_topic_bindings(queue_name text)
returns table (pattern text, queue_name text, bound_at timestamptz, compiled_regex text)
language sql stable as $$
  select b.pattern, b.queue_name, b.bound_at, b.compiled_regex
  from pgmq.topic_bindings b where b.queue_name = $1 order by b.bound_at desc, b.pattern
$$;

-- The bindings that a key matches, by pattern; sends nothing. Only patterns that begin and end like
-- the key are tried: to compile a regular expression costs more than to find its row.
create or replace function pgmq.test_routing(routing_key text)
returns table (pattern text, queue_name text, compiled_regex text)
language plpgsql stable as $$
begin
  perform pgmq.validate_routing_key(routing_key);
  return query
    with alike as materialized (
      select b.pattern, b.queue_name, b.compiled_regex,
        substring(b.pattern from '[^*#]*$') as ending
      from pgmq.topic_bindings b
      where substring(b.pattern from '^[^*#]*') = any (
        array(select left(routing_key, n) from generate_series(0, length(routing_key)) n))
    ), candidate as materialized (
      select * from alike where right(routing_key, length(ending)) = ending
    )
    select c.pattern, c.queue_name, c.compiled_regex
    from candidate c where routing_key ~ c.compiled_regex
    order by c.pattern, c.queue_name;
end
$$;

-- Sends a message to each queue that the key leads to, after a delay in seconds, and counts them.
create or replace function pgmq.send_topic(
  routing_key text, msg jsonb, headers jsonb, delay integer
) returns integer language plpgsql as $$
begin
  if msg is null then
    raise exception 'msg must not be null';
  elsif delay < 0 then
    raise exception 'delay must not be negative: %', delay;
  end if;
  return (
    select count(*)
    from (select distinct queue_name from pgmq.test_routing(routing_key)) bound
    cross join lateral pgmq.send(bound.queue_name, msg, headers, delay)
  );
end
$$;

-- The same without headers, after a delay in seconds.
create or replace function pgmq.send_topic(routing_key text, msg jsonb, delay integer)
returns integer language sql as $$
  select pgmq.send_topic(routing_key, msg, null, delay)
$$;

-- The same without headers, at once.
create or replace function pgmq.send_topic(routing_key text, msg jsonb)
returns integer language sql as $$
  select pgmq.send_topic(routing_key, msg, null, 0)
$$;

-- Sends a batch to each queue that the key leads to, in order of name, at a time.
create or replace function pgmq.send_batch_topic(
  routing_key text, msgs jsonb[], headers jsonb[], delay timestamptz
) returns table (queue_name text, msg_id bigint) language plpgsql as $$
begin
  perform pgmq._validate_batch(msgs, headers);
  for queue_name in
    select distinct bound.queue_name from pgmq.test_routing(routing_key) bound order by 1
  loop
    return query select queue_name, id from pgmq.send_batch(queue_name, msgs, headers, delay) id;
  end loop;
end
$$;

-- The same, after a delay in seconds.
create or replace function pgmq.send_batch_topic(
  routing_key text, msgs jsonb[], headers jsonb[], delay integer
) returns table (queue_name text, msg_id bigint) language sql as $$
  select * from pgmq.send_batch_topic(
    routing_key, msgs, headers, clock_timestamp() + make_interval(secs => delay))
$$;

-- The same without headers, at a time.
create or replace function pgmq.send_batch_topic(routing_key text, msgs jsonb[], delay timestamptz)
returns table (queue_name text, msg_id bigint) language sql as $$
  select * from pgmq.send_batch_topic(routing_key, msgs, null, delay)
$$;

-- The same without headers, after a delay in seconds.
create or replace function pgmq.send_batch_topic(routing_key text, msgs jsonb[], delay integer)
returns table (queue_name text, msg_id bigint) language sql as $$
  select * from pgmq.send_batch_topic(routing_key, msgs, null, delay)
$$;

-- The same with headers, at once.
create or replace function pgmq.send_batch_topic(routing_key text, msgs jsonb[], headers jsonb[])
returns table (queue_name text, msg_id bigint) language sql as $$
  select * from pgmq.send_batch_topic(routing_key, msgs, headers, clock_timestamp())
$$;

-- The same without headers, at once.
create or replace function pgmq.send_batch_topic(routing_key text, msgs jsonb[])
returns table (queue_name text, msg_id bigint) language sql as $$
  select * from pgmq.send_batch_topic(routing_key, msgs, null, clock_timestamp())
$$;


-- Rights ------------------------------------------------------------------------------------------

-- Monitoring may look at list_queues, metrics and metrics_all, but neither read bodies nor consume.
grant usage on schema pgmq to pg_monitor;
grant select on pgmq.meta to pg_monitor;


-- Version: of pgmq's API, then of this file -------------------------------------------------------

comment on schema pgmq is 'pgtq pgmq 1.11.1+2';
`;
