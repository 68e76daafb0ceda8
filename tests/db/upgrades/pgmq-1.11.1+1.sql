-- pgmq's public SQL API for databases that have no pgmq of their own, written from its documented
-- behaviour: queues, sending, reading, settling, metrics. PostgreSQL 14 to 18.
--
--     psql -1 -f sql/pgmq.sql        (all or nothing; running it again is harmless)
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
  elsif exists (select from pg_depend where refclassid = 'pg_namespace'::regclass and refobjid = home) then
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

create table if not exists pgmq.meta (
  queue_name varchar unique not null,
  is_partitioned boolean not null,
  is_unlogged boolean not null,
  created_at timestamptz default now() not null
);


-- Names -------------------------------------------------------------------------------------------

-- 47 bytes (not characters) leave room for the longest name made of a queue's: archived_at_idx_….
create or replace function pgmq.validate_queue_name(queue_name text) returns void
language plpgsql as $$
begin
  if octet_length(queue_name) > 47 then
    raise exception 'queue name is too long, maximum length is 47 bytes';
  end if;
end
$$;

create or replace function pgmq.format_table_name(queue_name text, prefix text) returns text
language plpgsql as $$
begin
  if queue_name ~ '[$;'']|--' then
    raise exception 'queue name contains invalid characters: $, ;, -- or ''';
  end if;
  return lower(prefix || '_' || queue_name);
end
$$;


-- Queues ------------------------------------------------------------------------------------------

-- Creating and dropping take turns per table, so that any number of clients may do both at once.
create or replace function pgmq._lock_queue(queue_name text) returns void
language sql as $$
  select pg_advisory_xact_lock(hashtextextended('pgmq.' || pgmq.format_table_name(queue_name, 'q'), 0))
$$;

create or replace function pgmq._create(queue_name text, unlogged boolean) returns void
language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
  archive text := pgmq.format_table_name(queue_name, 'a');
begin
  perform pgmq.validate_queue_name(queue_name);
  perform pgmq._lock_queue(queue_name);
  -- An existing queue is left alone: asking for it again takes neither ownership nor heavy locks.
  if to_regclass(format('pgmq.%I', queue)) is null then
    execute format(
      'create %s table pgmq.%I (
        msg_id bigint primary key generated always as identity,
        read_ct integer default 0 not null,
        enqueued_at timestamptz default now() not null,
        last_read_at timestamptz,
        vt timestamptz not null,
        message jsonb,
        headers jsonb
      )', case when unlogged then 'unlogged' end, queue);
    execute format('create index %I on pgmq.%I (vt)', queue || '_vt_idx', queue);
    -- What metrics read, and no message bodies.
    execute format('grant select (enqueued_at, vt) on pgmq.%I to pg_monitor', queue);
    execute format('grant select on sequence pgmq.%I to pg_monitor', queue || '_msg_id_seq');
  end if;
  if to_regclass(format('pgmq.%I', archive)) is null then
    execute format(
      'create table pgmq.%I (
        msg_id bigint primary key,
        read_ct integer default 0 not null,
        enqueued_at timestamptz default now() not null,
        last_read_at timestamptz,
        archived_at timestamptz default now() not null,
        vt timestamptz not null,
        message jsonb,
        headers jsonb
      )', archive);
    execute format(
      'create index %I on pgmq.%I (archived_at)', lower('archived_at_idx_' || queue_name), archive);
  end if;
  insert into pgmq.meta (queue_name, is_partitioned, is_unlogged)
  values (_create.queue_name, false, unlogged)
  on conflict do nothing;
end
$$;

create or replace function pgmq.create_non_partitioned(queue_name text) returns void
language sql as $$
  select pgmq._create(queue_name, false)
$$;

create or replace function pgmq.create_unlogged(queue_name text) returns void
language sql as $$
  select pgmq._create(queue_name, true)
$$;

create or replace function pgmq.create(queue_name text) returns void
language sql as $$
  select pgmq._create(queue_name, false)
$$;

create or replace function pgmq.drop_queue(queue_name text) returns boolean
language plpgsql as $$
declare
  queue text := pgmq.format_table_name(queue_name, 'q');
  archive text := pgmq.format_table_name(queue_name, 'a');
  existed boolean;
begin
  perform pgmq._lock_queue(queue_name);
  existed := to_regclass(format('pgmq.%I', queue)) is not null;
  if existed then
    execute format('drop table pgmq.%I', queue);
    execute format('drop table if exists pgmq.%I', archive);
  end if;
  -- Names that differ only in case share the tables, so all of them go.
  delete from pgmq.meta m where lower(m.queue_name) = lower(drop_queue.queue_name);
  return existed;
end
$$;

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

create or replace function pgmq.list_queues() returns setof pgmq.queue_record
language sql stable as $$
  select queue_name, is_partitioned, is_unlogged, created_at from pgmq.meta order by queue_name
$$;

-- Archives were members of the extension once. Kept for clients that still call it.
create or replace function pgmq.detach_archive(queue_name text) returns void
language sql as $$
  select
$$;


-- Metrics -----------------------------------------------------------------------------------------

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
      floor(extract(epoch from $2 - max(enqueued_at)))::integer,
      floor(extract(epoch from $2 - min(enqueued_at)))::integer,
      (select case when is_called then last_value else 0 end from pgmq.%I),
      $2,
      count(*) filter (where vt <= $2)
    from pgmq.%I', queue || '_msg_id_seq', queue)
  into result using queue_name, clock_timestamp();
  return result;
end
$$;

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

create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay timestamptz)
returns setof bigint language plpgsql as $$
begin
  return query execute format(
    'insert into pgmq.%I (vt, message, headers) values ($1, $2, $3) returning msg_id',
    pgmq.format_table_name(queue_name, 'q')
  ) using delay, msg, headers;
end
$$;

create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb, delay integer)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, headers, clock_timestamp() + make_interval(secs => delay))
$$;

create or replace function pgmq.send(queue_name text, msg jsonb, delay timestamptz)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, null, delay)
$$;

create or replace function pgmq.send(queue_name text, msg jsonb, delay integer)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, null, delay)
$$;

create or replace function pgmq.send(queue_name text, msg jsonb, headers jsonb)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, headers, clock_timestamp())
$$;

create or replace function pgmq.send(queue_name text, msg jsonb)
returns setof bigint language sql as $$
  select pgmq.send(queue_name, msg, null, clock_timestamp())
$$;

create or replace function pgmq.send_batch(
  queue_name text, msgs jsonb[], headers jsonb[], delay timestamptz
) returns setof bigint language plpgsql as $$
begin
  if coalesce(cardinality(msgs), 0) = 0 then
    raise exception 'msgs cannot be null or empty';
  elsif cardinality(headers) <> cardinality(msgs) then
    raise exception 'headers array length (%) must match msgs array length (%)',
      cardinality(headers), cardinality(msgs);
  end if;
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

create or replace function pgmq.send_batch(
  queue_name text, msgs jsonb[], headers jsonb[], delay integer
) returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, headers, clock_timestamp() + make_interval(secs => delay))
$$;

create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], delay timestamptz)
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, null, delay)
$$;

create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], delay integer)
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, null, delay)
$$;

create or replace function pgmq.send_batch(queue_name text, msgs jsonb[], headers jsonb[])
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, headers, clock_timestamp())
$$;

create or replace function pgmq.send_batch(queue_name text, msgs jsonb[])
returns setof bigint language sql as $$
  select pgmq.send_batch(queue_name, msgs, null, clock_timestamp())
$$;


-- Reading -----------------------------------------------------------------------------------------

-- "Now" goes in as a value, as a call to clock_timestamp() would keep the index on vt from being
-- used; the filter is folded away when there is none.
create or replace function pgmq.read(
  queue_name text, vt integer, qty integer, conditional jsonb default '{}'
) returns setof pgmq.message_record language plpgsql as $$
begin
  return query execute format(
    'with due as (
      select msg_id from pgmq.%1$I
      where vt <= $1 and ($4 is null or message @> $4)
      order by msg_id
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
    select * from taken order by msg_id',
    pgmq.format_table_name(queue_name, 'q')
  ) using clock_timestamp(), vt, qty, nullif(conditional, '{}');
end
$$;

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

create or replace function pgmq.set_vt(queue_name text, msg_ids bigint[], vt integer)
returns setof pgmq.message_record language sql as $$
  select pgmq.set_vt(queue_name, msg_ids, clock_timestamp() + make_interval(secs => vt))
$$;

create or replace function pgmq.set_vt(queue_name text, msg_id bigint, vt timestamptz)
returns setof pgmq.message_record language sql as $$
  select pgmq.set_vt(queue_name, array[msg_id], vt)
$$;

create or replace function pgmq.set_vt(queue_name text, msg_id bigint, vt integer)
returns setof pgmq.message_record language sql as $$
  select pgmq.set_vt(queue_name, array[msg_id], vt)
$$;


-- Settling ----------------------------------------------------------------------------------------

create or replace function pgmq.archive(queue_name text, msg_ids bigint[])
returns setof bigint language plpgsql as $$
begin
  return query execute format(
    'with gone as (
      delete from pgmq.%I
      where msg_id = any ($1)
      returning msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers
    )
    insert into pgmq.%I (msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers)
    select * from gone order by msg_id
    returning msg_id',
    pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a')
  ) using msg_ids;
end
$$;

create or replace function pgmq.archive(queue_name text, msg_id bigint) returns boolean
language plpgsql as $$
begin
  perform pgmq.archive(queue_name, array[msg_id]);
  return found;
end
$$;

create or replace function pgmq.delete(queue_name text, msg_ids bigint[])
returns setof bigint language plpgsql as $$
begin
  return query execute format(
    'delete from pgmq.%I where msg_id = any ($1) returning msg_id',
    pgmq.format_table_name(queue_name, 'q')
  ) using msg_ids;
end
$$;

create or replace function pgmq.delete(queue_name text, msg_id bigint) returns boolean
language plpgsql as $$
begin
  perform pgmq.delete(queue_name, array[msg_id]);
  return found;
end
$$;


-- Rights ------------------------------------------------------------------------------------------

-- Monitoring may look at list_queues, metrics and metrics_all, but neither read bodies nor consume.
grant usage on schema pgmq to pg_monitor;
grant select on pgmq.meta to pg_monitor;


-- Version: of pgmq's API, then of this file --------------------------------------------------------

comment on schema pgmq is 'pgtq pgmq 1.11.1+1';
