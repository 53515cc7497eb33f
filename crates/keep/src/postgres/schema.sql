-- Made once, by the first node that connects, in the schema that its connection names.

create table head (one boolean primary key default true check (one), format integer not null, first bigint not null, next bigint not null);
insert into head (format, first, next) values (4, 0, 0);

create table numbers (one boolean primary key default true check (one), next bigint not null);
insert into numbers (next) values (0);

-- A node takes a thousand versions at once and gives them to its commits itself.
create sequence versions increment 1000;
create sequence leases;

create table states (
    generation integer, customer bigint, version bigint not null, bytes bytea not null, primary key (generation, customer)
) with (fillfactor = 80);

-- Parts are made when their time begins and dropped whole.
create table seen (until_us bigint, id uuid, primary key (id, until_us)) partition by list (until_us);
create table seen_parts (until_us bigint primary key);

-- The entries of a commit, compressed by the node: no use in trying again.
create table log (last bigint primary key, bytes bytea not null);
alter table log alter column bytes set storage external;

-- The last entry that a customer has in a commit.
create table log_of (customer bigint, position bigint, primary key (customer, position));
create index log_of_positions on log_of using brin (position);

create table keys (number bigint primary key, customer bigint not null, bytes bytea not null unique);
create index keys_of on keys (customer);

create table links (low bigint, high bigint, undo boolean, at_us bigint not null, primary key (low, high, undo));
create index links_high on links (high);

create table timers (
    generation integer, customer bigint, id bytea, due_us bigint not null, bytes bytea not null,
    lease bigint not null default 0, leased_until_us bigint not null default -9223372036854775808,
    primary key (generation, customer, id)
);
create index timers_due on timers (generation, due_us, customer, id);

create table outbox (
    id bytea primary key, target text collate "C" not null, customer bigint not null, due_us bigint not null, bytes bytea not null,
    attempts bigint not null default 0, dead boolean not null default false, why text not null default '',
    lease bigint not null default 0, leased_until_us bigint not null default -9223372036854775808
);
create index outbox_due on outbox (target, due_us, id) where not dead;
create index outbox_dead on outbox (target, id) where dead;
create index outbox_of on outbox (customer);

create table paused (target text collate "C" primary key);

create table records (name text collate "C" primary key, version bigint not null, bytes bytea not null);
