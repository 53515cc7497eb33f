//! The tables of the shared home: making them, and erasing customers from all of them.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error as Failed, Transaction};

use crate::error::Error;
use crate::ledger::chunk;
use crate::limits::SCHEMA_FORMAT;
use crate::loaded::{Customer, Erased, Fate, KeyNumber};
use crate::postgres::connection::explain;
use crate::postgres::key;

const TABLES: &str = include_str!("schema.sql");

/// Makes the tables if they are not there; an error where they are of another format.
pub(super) async fn make(config: &Config) -> Result<(), Error> {
    let failed = |error| explain("make the tables of live state", error);
    let (mut client, connection) = config.connect(tokio_postgres::NoTls).await.map_err(failed)?;
    // Ends with the connection, and what it has to say comes back to whoever waits for an answer.
    tokio::spawn(async move { drop(connection.await) });
    let transaction = client.transaction().await.map_err(failed)?;
    // Another node comes to the same idea in the same moment.
    let lock = "select pg_advisory_xact_lock(hashtext('desireline schema'), hashtext(current_schema()))";
    transaction.batch_execute(lock).await.map_err(failed)?;
    let there = "select to_regclass(quote_ident(current_schema()) || '.head') is not null";
    if !transaction.query_one(there, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        transaction.batch_execute(TABLES).await.map_err(failed)?;
        let head = "insert into head (format, first, next) values ($1, 0, 0)";
        transaction.execute(head, &[&SCHEMA_FORMAT.cast_signed()]).await.map_err(failed)?;
    }
    let found: i32 = transaction.query_one("select format from head", &[]).await.map_err(failed)?.get(0);
    transaction.commit().await.map_err(failed)?;
    Error::unless_known(found.cast_unsigned(), SCHEMA_FORMAT)
}

/// Erases customers from all tables in one transaction.
pub(super) async fn erase(
    client: &mut Client,
    customers: &[Customer],
    keys: &BTreeSet<KeyNumber>,
    entries: &BTreeMap<u64, Fate>,
) -> Result<Erased, Error> {
    let failed = |error: Failed| explain("erase", error);
    let gone: Vec<i64> = customers.iter().map(|customer| customer.0).collect();
    let transaction = client.transaction().await.map_err(failed)?;
    // One after the other: of two that had read the same chunk of the log, the second would write back what the first has
    // erased from it.
    let lock = "select pg_advisory_xact_lock(hashtext('desireline erasure'), hashtext(current_schema()))";
    transaction.batch_execute(lock).await.map_err(failed)?;
    let delete = async |table: &str| {
        let sql = format!("delete from {table} where customer = any($1::bigint[])");
        transaction.execute(&sql, &[&gone]).await.map_err(failed)
    };
    let links = "delete from links using keys where (links.low = keys.number or links.high = keys.number) \
                 and keys.customer = any($1::bigint[])";
    // First, because it takes long, and the one who writes waits for whoever has deleted a state: with commits about others.
    let entries = rewrite_log(&transaction, entries).await?;
    let of_keys = "delete from keys where customer = any($1::bigint[]) returning number, customer, bytes";
    let erased = Erased {
        states: delete("states").await?,
        timers: delete("timers").await?,
        deliveries: delete("outbox").await?,
        links: transaction.execute(links, &[&gone]).await.map_err(failed)?,
        keys: transaction.query(of_keys, &[&gone]).await.map_err(failed)?.iter().map(key).collect::<Result<_, _>>()?,
        entries,
    };
    erased.are_of(keys)?;
    transaction.commit().await.map_err(failed)?;
    Ok(erased)
}

/// Rewrites the chunks with these entries; returns how many were emptied.
async fn rewrite_log(transaction: &Transaction<'_>, entries: &BTreeMap<u64, Fate>) -> Result<u64, Error> {
    let failed = |error: Failed| explain("erase from the log", error);
    let chunk_with = transaction.prepare("select last, bytes from log where last >= $1 order by last limit 1");
    let chunk_with = chunk_with.await.map_err(failed)?;
    let rewrite = "with written as (update log set bytes = $2 where last = $1),
                        before as (
                            delete from log_of using unnest($3::bigint[], $4::bigint[]) as gone (customer, position)
                            where log_of.customer = gone.customer and log_of.position = gone.position
                        )
                   insert into log_of (customer, position) select * from unnest($5::bigint[], $6::bigint[])";
    let rewrite = transaction.prepare(rewrite).await.map_err(failed)?;
    let columns = |found: &[(Customer, u64)]| -> (Vec<i64>, Vec<i64>) {
        found.iter().map(|(customer, position)| (customer.0, position.cast_signed())).unzip()
    };
    let (mut emptied, mut from) = (0, 0);
    while let Some((position, _)) = entries.range(from..).next() {
        let Ok(position) = i64::try_from(*position) else { break };
        // Nothing was ever that far on where there is none.
        let Some(row) = transaction.query_opt(&chunk_with, &[&position]).await.map_err(failed)? else { break };
        let last = row.get::<_, i64>(0);
        if let Some(rewritten) = chunk::rewritten(last.cast_unsigned(), row.get(1), entries)? {
            emptied += rewritten.emptied;
            let (before, now) = (columns(&rewritten.found_before), columns(&rewritten.found_now));
            let values: [&(dyn ToSql + Sync); 6] = [&last, &rewritten.bytes, &before.0, &before.1, &now.0, &now.1];
            transaction.execute(&rewrite, &values).await.map_err(failed)?;
        }
        from = last.cast_unsigned() + 1;
    }
    Ok(emptied)
}
