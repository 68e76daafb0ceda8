-- What the Python package asks of pgmq beyond pgmq's own functions: polling reads that take a
-- direction. For throwaway databases only, as it replaces the two functions where they exist.

drop function if exists pgmq.read_with_poll(text, integer, integer, integer, integer, jsonb);
drop function if exists pgmq.read_grouped_rr_with_poll(text, integer, integer, integer, integer);

create or replace function pgmq.read_with_poll(
  queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100, conditional jsonb default '{}', direction text default 'ASC'
) returns setof pgmq.message_record language plpgsql as $$
declare
  until timestamptz := clock_timestamp() + make_interval(secs => max_poll_seconds);
begin
  if upper(direction) not in ('ASC', 'DESC') then
    raise exception 'direction must be ASC or DESC: not %', direction;
  end if;
  while clock_timestamp() < until loop
    return query execute format(
      'with due as (
        select msg_id from pgmq.%1$I
        where vt <= clock_timestamp() and ($3 is null or message @> $3)
        order by msg_id %2$s limit $2 for update skip locked
      ), taken as (
        update pgmq.%1$I q set read_ct = q.read_ct + 1, last_read_at = clock_timestamp(),
          vt = clock_timestamp() + make_interval(secs => $1)
        from due where q.msg_id = due.msg_id
        returning q.msg_id, q.read_ct, q.enqueued_at, q.last_read_at, q.vt, q.message, q.headers
      )
      select * from taken order by msg_id %2$s',
      pgmq.format_table_name(queue_name, 'q'), upper(direction)
    ) using vt, qty, nullif(conditional, '{}');
    if found then return; end if;
    perform pg_sleep(poll_interval_ms / 1000.0);
  end loop;
end
$$;

-- A group is closed while its head is hidden. Of the open ones come the heads, then the seconds, and
-- so on. The lock keeps two readers from taking one group at once.
create or replace function pgmq.read_grouped_rr_with_poll(
  queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
  poll_interval_ms integer default 100, direction text default 'ASC'
) returns setof pgmq.message_record language plpgsql as $$
declare
  until timestamptz := clock_timestamp() + make_interval(secs => max_poll_seconds);
begin
  if upper(direction) not in ('ASC', 'DESC') then
    raise exception 'direction must be ASC or DESC: not %', direction;
  end if;
  while clock_timestamp() < until loop
    perform pg_advisory_lock(hashtextextended('grouped read of ' || queue_name, 0));
    return query execute format(
      'with tasks as (
        select msg_id, vt <= clock_timestamp() as due,
          row_number() over same_group as place, first_value(msg_id) over same_group as head,
          first_value(vt) over same_group <= clock_timestamp() as open
        from pgmq.%1$I
        window same_group as (
          partition by coalesce(headers ->> ''x-pgmq-group'', ''_default_fifo_group'')
          order by msg_id %2$s
        )
      ), chosen as (
        select msg_id, row_number() over (order by place, head %2$s) as turn
        from tasks where open and due order by turn limit $2
      ), taken as (
        update pgmq.%1$I q set read_ct = q.read_ct + 1, last_read_at = clock_timestamp(),
          vt = clock_timestamp() + make_interval(secs => $1)
        from chosen where q.msg_id = chosen.msg_id and q.vt <= clock_timestamp()
        returning q.msg_id, q.read_ct, q.enqueued_at, q.last_read_at, q.vt, q.message, q.headers,
          turn
      )
      select msg_id, read_ct, enqueued_at, last_read_at, vt, message, headers
      from taken order by turn',
      pgmq.format_table_name(queue_name, 'q'), upper(direction)
    ) using vt, qty;
    perform pg_advisory_unlock(hashtextextended('grouped read of ' || queue_name, 0));
    if found then return; end if;
    perform pg_sleep(poll_interval_ms / 1000.0);
  end loop;
end
$$;
