//! All SQL, prepared when a connection is made where nothing else is said.

use std::collections::HashMap;

use tokio_postgres::{Client, Error, Statement};

pub(super) type Queries = HashMap<&'static str, Statement>;

/// Messages that are known, keys, and states, as of one moment because it is one statement.
pub(super) const LOAD: &str = "
with found as (select bytes, number, customer from keys where bytes = any($2::bytea[])),
     wanted as (select customer from found union select unnest($3::bigint[]))
select 0 as what, null::uuid as id, bytes, number, customer, null::bigint as version from found
union all
select 1, id, null, null, null, null from seen where id = any($1::uuid[])
union all
select 2, null, states.bytes, null, states.customer, states.version
from wanted join states on states.generation = $4 and states.customer = wanted.customer";

pub(super) const RESERVE: &str =
    "update numbers set next = greatest(next, $1::bigint) + $2::bigint where next < 4294967296 returning next";

pub(super) const KEYS: &str =
    "select number, customer, bytes from keys where number = any($1::bigint[]) order by number";

pub(super) const KEYS_OF: &str =
    "select number, customer, bytes from keys where customer = any($1::bigint[]) order by customer, number";

pub(super) const LINKS: &str = "
select low, high, undo, at_us from links where low = any($1::bigint[]) or high = any($1::bigint[])
order by low, high, undo limit $2";

/// In the order of the pairs.
pub(super) const EVIDENCE: &str = "
select links.at_us from unnest($1::bigint[], $2::bigint[]) with ordinality as pair (low, high, place)
left join links on links.low = pair.low and links.high = pair.high and not links.undo order by pair.place";

pub(super) const EVERY_KEY: &str =
    "select number, customer, bytes from keys where number > $1 order by number limit $2";

pub(super) const EVERY_LINK: &str = "
select low, high, undo, at_us from links where (low, high, undo) > ($1, $2, $3) order by low, high, undo limit $4";

pub(super) const STATES: &str = "
select customer, version, bytes from states where generation = $1 and ($2::bigint is null or customer > $2)
order by customer limit $3";

pub(super) const SPAN: &str = "select first, next from head";

/// Chunks of the log that end at or after a position, up to a number of bytes but for the last.
pub(super) const LOG: &str = "
select last, bytes from (
    select last, bytes, sum(length(bytes)) over (order by last) - length(bytes) as before
    from (select last, bytes from log where last >= $1 order by last limit 256) as next
) as sized where before < $2::bigint order by last";

/// Chunks with entries of some customers, the newest first, up to a number of bytes but for the last.
pub(super) const LOG_OF: &str = "
select last, bytes from (
    select last, bytes, sum(length(bytes)) over (order by last desc) - length(bytes) as before
    from (
        select distinct chunk.last, chunk.bytes
        from (
            select position from log_of, head
            where customer = any($1::bigint[]) and position < $2 and position >= head.first order by position desc limit $3
        ) as known, lateral (select last, bytes from log where last >= position order by last limit 1) as chunk
    ) as found
) as sized where before < $4::bigint order by last desc";

pub(super) const TRUNCATE: &str = "
with moved as (update head set first = greatest(first, least($1::bigint, next)) returning first),
     gone as (delete from log_of using moved where log_of.position < moved.first)
delete from log using moved where log.last < moved.first";

pub(super) const DUE: &str = "
with due as (
    select customer, id from timers where generation = $1 and due_us <= $2 and leased_until_us <= $2
    order by due_us, customer, id limit $3 for update skip locked
)
update timers set lease = nextval('leases'), leased_until_us = $4 from due
where timers.generation = $1 and timers.customer = due.customer and timers.id = due.id
returning timers.customer, timers.id, timers.due_us, timers.bytes, timers.lease";

pub(super) const DELIVERIES: &str = "
with due as (
    select id from outbox where target = $1 and not dead and due_us <= $2 and leased_until_us <= $2
    and not exists (select from paused where paused.target = $1)
    order by due_us, id limit $3 for update skip locked
)
update outbox set lease = nextval('leases'), leased_until_us = $4 from due where outbox.id = due.id
returning outbox.id, outbox.customer, outbox.due_us, outbox.bytes, outbox.attempts, outbox.lease";

/// Not prepared: it goes over a connection of its own.
pub(super) const QUEUES: &str = "
select coalesce(waiting.target, paused.target) as target, paused.target is not null as paused,
       coalesce(alive, 0) as alive, first_due_us, coalesce(dead, 0) as dead
from (
    select target, count(*) filter (where not dead) as alive, min(due_us) filter (where not dead) as first_due_us,
           count(*) filter (where dead) as dead
    from outbox group by target
) as waiting full join paused on paused.target = waiting.target order by 1";

pub(super) const WAITING: &str = "
select id, customer, due_us, bytes, attempts, why from outbox where target = $1 and not dead order by due_us, id limit $2";

pub(super) const DEAD: &str = "
select id, customer, due_us, bytes, attempts, why from outbox
where target = $1 and dead and ($2::bytea is null or id > $2) order by id limit $3";

pub(super) const RECORDS: &str = "
select name, version, bytes from records where starts_with(name, $1) and name >= $1 and ($2::text is null or name > $2)
order by name limit $3";

pub(super) const NOW: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";

// What a commit does, in this order, each over all commits of a group.

pub(super) const LOCK_STATES: &str = "
select customer, version from states where generation = $1 and customer = any($2::bigint[]) order by customer for update";

pub(super) const UPDATE_STATES: &str = "
update states set version = new.version, bytes = new.bytes
from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[]) as new (customer, expected, version, bytes)
where states.generation = $1 and states.customer = new.customer and states.version = new.expected";

pub(super) const INSERT_STATES: &str = "
insert into states (generation, customer, version, bytes)
select $1, customer, version, bytes from unnest($2::bigint[], $3::bigint[], $4::bytea[]) as new (customer, version, bytes)
on conflict do nothing returning customer";

pub(super) const DELETE_STATES: &str = "
delete from states using unnest($2::bigint[], $3::bigint[]) as old (customer, expected)
where states.generation = $1 and states.customer = old.customer and states.version = old.expected";

pub(super) const KNOWN: &str = "select id from seen where id = any($1::uuid[])";

pub(super) const INSERT_SEEN: &str =
    "insert into seen (until_us, id) select $1, unnest($2::uuid[]) on conflict do nothing returning id";

pub(super) const TAKEN_KEYS: &str =
    "select number, bytes from keys where number = any($1::bigint[]) or bytes = any($2::bytea[])";

pub(super) const UPSERT_KEYS: &str = "
insert into keys (number, customer, bytes)
select * from unnest($1::bigint[], $2::bigint[], $3::bytea[]) as new (number, customer, bytes)
where not exists (select from keys where keys.bytes = new.bytes and keys.number <> new.number)
on conflict (number) do update set customer = excluded.customer where keys.bytes = excluded.bytes
returning number";

pub(super) const UPSERT_LINKS: &str = "
insert into links (low, high, undo, at_us) select * from unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::bigint[])
on conflict (low, high, undo) do update set at_us = excluded.at_us where excluded.at_us < links.at_us";

pub(super) const FIRE: &str = "
delete from timers using unnest($2::bigint[], $3::bytea[], $4::bigint[]) as fired (customer, id, lease)
where timers.generation = $1 and timers.customer = fired.customer and timers.id = fired.id and timers.lease = fired.lease
returning timers.customer, timers.id";

pub(super) const UNSET: &str = "delete from timers where generation = $1 and customer = any($2::bigint[])";

pub(super) const CLEAR: &str = "
delete from timers using unnest($2::bigint[], $3::bytea[]) as cleared (customer, id)
where timers.generation = $1 and timers.customer = cleared.customer and timers.id = cleared.id";

pub(super) const SET: &str = "
insert into timers (generation, customer, id, due_us, bytes)
select $1, * from unnest($2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[])
on conflict (generation, customer, id) do update
set due_us = excluded.due_us, bytes = excluded.bytes, lease = excluded.lease, leased_until_us = excluded.leased_until_us";

pub(super) const SETTLE_DONE: &str = "
delete from outbox using unnest($1::bytea[], $2::bigint[]) as done (id, lease)
where outbox.id = done.id and outbox.lease = done.lease and not outbox.dead returning outbox.id";

pub(super) const SETTLE_LATER: &str = "
update outbox set dead = later.dead, due_us = coalesce(later.due_us, outbox.due_us), why = later.why, attempts = attempts + later.tries,
    lease = 0, leased_until_us = -9223372036854775808
from unnest($1::bytea[], $2::bigint[], $3::boolean[], $4::bigint[], $5::text[], $6::bigint[]) as later (id, lease, dead, due_us, why, tries)
where outbox.id = later.id and outbox.lease = later.lease and not outbox.dead returning outbox.id";

pub(super) const RESEND: &str = "
update outbox set dead = false, attempts = 0, due_us = resent.now_us
from unnest($1::bytea[], $2::bigint[]) as resent (id, now_us) where outbox.id = resent.id and outbox.dead";

pub(super) const POST: &str = "
insert into outbox (id, target, customer, due_us, bytes)
select * from unnest($1::bytea[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) on conflict do nothing";

pub(super) const PAUSE: &str = "insert into paused (target) select unnest($1::text[]) on conflict do nothing";

pub(super) const GO_ON: &str = "delete from paused where target = any($1::text[])";

/// Records change rarely: those who change them wait for each other, so that what they expect can be looked at first.
pub(super) const LOCK_RECORDS: &str =
    "select pg_advisory_xact_lock(hashtext('desireline records'), hashtext(current_schema()))";

pub(super) const RECORD_VERSIONS: &str = "select name, version from records where name = any($1::text[])";

pub(super) const UPSERT_RECORDS: &str = "
insert into records (name, version, bytes) select * from unnest($1::text[], $2::bigint[], $3::bytea[])
on conflict (name) do update set version = excluded.version, bytes = excluded.bytes";

pub(super) const DELETE_RECORDS: &str = "delete from records where name = any($1::text[])";

/// The last thing before the commit: whoever has the row of `head` holds up all others, so that positions are dense and in the
/// order in which commits become visible.
pub(super) const APPEND: &str = "
with moved as (update head set next = next + $1::bigint returning next),
     written as (
        insert into log (last, bytes)
        select moved.next - $1 + chunk.upto - 1, chunk.bytes from moved, unnest($2::bigint[], $3::bytea[]) as chunk (upto, bytes)
     ),
     found as (
        insert into log_of (customer, position)
        select entry.customer, moved.next - $1 + entry.place from moved, unnest($4::bigint[], $5::bigint[]) as entry (customer, place)
     )
select next from moved";

const ALL: [&str; 45] = [
    LOAD,
    RESERVE,
    KEYS,
    KEYS_OF,
    EVIDENCE,
    LINKS,
    EVERY_KEY,
    EVERY_LINK,
    STATES,
    SPAN,
    LOG,
    LOG_OF,
    TRUNCATE,
    DUE,
    DELIVERIES,
    WAITING,
    DEAD,
    RECORDS,
    LOCK_STATES,
    UPDATE_STATES,
    INSERT_STATES,
    DELETE_STATES,
    KNOWN,
    INSERT_SEEN,
    TAKEN_KEYS,
    UPSERT_KEYS,
    UPSERT_LINKS,
    FIRE,
    UNSET,
    CLEAR,
    SET,
    SETTLE_DONE,
    SETTLE_LATER,
    RESEND,
    POST,
    PAUSE,
    GO_ON,
    LOCK_RECORDS,
    RECORD_VERSIONS,
    UPSERT_RECORDS,
    DELETE_RECORDS,
    APPEND,
    NOW,
    NEXT_VERSIONS,
    PARTS,
];

pub(super) const NEXT_VERSIONS: &str = "select nextval('versions')";

pub(super) const PARTS: &str = "select until_us from seen_parts order by until_us";

/// Prepares all of them, in one round trip or two.
pub(super) async fn prepare(client: &Client) -> Result<Queries, Error> {
    let statements = futures::future::try_join_all(ALL.iter().map(|query| client.prepare(query))).await?;
    Ok(ALL.into_iter().zip(statements).collect())
}
