//! The tables of the shared home: making them, and erasing customers from all of them.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Config, Error as Failed, Transaction};

use crate::error::Error;
use crate::ledger::chunk;
use crate::limits::SCHEMA_FORMAT;
use crate::loaded::{Customer, Erased};
use crate::postgres::connection::explain;

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
    }
    let found: i32 = transaction.query_one("select format from head", &[]).await.map_err(failed)?.get(0);
    transaction.commit().await.map_err(failed)?;
    Error::unless_known(found.cast_unsigned(), SCHEMA_FORMAT)
}

/// Erases customers from all tables in one transaction.
pub(super) async fn erase(client: &mut Client, customers: &[Customer]) -> Result<Erased, Error> {
    let failed = |error: Failed| explain("erase", error);
    let gone: Vec<i64> = customers.iter().map(|customer| customer.0).collect();
    let transaction = client.transaction().await.map_err(failed)?;
    let delete = async |table: &str| {
        let sql = format!("delete from {table} where customer = any($1::bigint[])");
        transaction.execute(&sql, &[&gone]).await.map_err(failed)
    };
    let links = "delete from links using keys where (links.low = keys.number or links.high = keys.number) \
                 and keys.customer = any($1::bigint[])";
    let mut erased = Erased {
        states: delete("states").await?,
        timers: delete("timers").await?,
        deliveries: delete("outbox").await?,
        links: transaction.execute(links, &[&gone]).await.map_err(failed)?,
        keys: delete("keys").await?,
        entries: 0,
    };
    erased.entries = erase_entries(&transaction, &customers.iter().copied().collect()).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(erased)
}

async fn erase_entries(transaction: &Transaction<'_>, gone: &BTreeSet<Customer>) -> Result<u64, Error> {
    let failed = |error: Failed| explain("erase from the log", error);
    let customers: Vec<i64> = gone.iter().map(|customer| customer.0).collect();
    let mut count = 0;
    loop {
        // Whoever has emptied a chunk has no business with it any more, so that the next ones come.
        let next = "with gone as (
                        delete from log_of where ctid = any(array(select ctid from log_of where customer = any($1::bigint[]) limit 64))
                        returning position
                    )
                    select distinct chunk.last, chunk.bytes
                    from gone, lateral (select last, bytes from log where last >= position order by last limit 1) as chunk";
        let rows = transaction.query(next, &[&customers]).await.map_err(failed)?;
        if rows.is_empty() {
            return Ok(count);
        }
        for row in &rows {
            let (last, bytes): (i64, &[u8]) = (row.get(0), row.get(1));
            let without = chunk::without(last.cast_unsigned(), bytes, |customer| gone.contains(&customer))?;
            let Some((rest, n)) = without else { continue };
            count += n;
            let update = "update log set bytes = $2 where last = $1";
            transaction.execute(update, &[&last, &rest]).await.map_err(failed)?;
        }
    }
}
