//! The homes that the suite runs over.

use std::sync::Arc;

use keep::{Embedded, EmbeddedOptions, Keep, Memory, Postgres};
use tempfile::TempDir;

/// For how long message ids are known in these tests.
pub(crate) const KNOWN_US: i64 = 30_000_000;

/// A home under test: it can be stopped and started, and where several nodes may share it, another one joins.
pub(crate) struct Home {
    keep: Option<Arc<dyn Keep>>,
    another: Option<Arc<dyn Keep>>,
    kind: Kind,
}

enum Kind {
    Memory(Arc<Memory>),
    Embedded(TempDir),
    Postgres { server: Arc<testkit::Postgres>, schema: String, url: String },
}

pub(crate) fn memory() -> Home {
    let memory = Arc::new(Memory::new(KNOWN_US));
    Home { keep: Some(Arc::clone(&memory) as Arc<dyn Keep>), another: None, kind: Kind::Memory(memory) }
}

pub(crate) fn embedded() -> Home {
    let folder = TempDir::new().unwrap();
    Home { keep: Some(open(&folder)), another: None, kind: Kind::Embedded(folder) }
}

/// A home in a schema of this name, which has to be new.
pub(crate) async fn postgres(server: &Arc<testkit::Postgres>, schema: &str) -> Home {
    let url = server.schema(schema);
    let (keep, another) = (connect(&url).await, connect(&url).await);
    let kind = Kind::Postgres { server: Arc::clone(server), schema: schema.to_owned(), url };
    Home { keep: Some(keep), another: Some(another), kind }
}

fn open(folder: &TempDir) -> Arc<dyn Keep> {
    // Little fits into memory, so that rows are folded into the tables all the time.
    let options = EmbeddedOptions { messages_known_us: KNOWN_US, fresh_bytes: 2_000, ..EmbeddedOptions::default() };
    Arc::new(Embedded::open(folder.path(), options).unwrap())
}

pub(crate) async fn connect(url: &str) -> Arc<dyn Keep> {
    Arc::new(Postgres::connect(url, KNOWN_US).await.unwrap())
}

impl Home {
    /// A node of the home.
    pub(crate) fn keep(&self) -> Arc<dyn Keep> {
        Arc::clone(self.keep.as_ref().expect("it runs"))
    }

    /// Another node of the home; the same one where there can be only one.
    pub(crate) fn another(&self) -> Arc<dyn Keep> {
        self.another.as_ref().map_or_else(|| self.keep(), Arc::clone)
    }

    /// An empty home in its place.
    pub(crate) async fn clear(&mut self) {
        *self = match &self.kind {
            Kind::Memory(_) => memory(),
            Kind::Embedded(_) => embedded(),
            Kind::Postgres { server, schema, .. } => postgres(server, &format!("{schema}x")).await,
        };
    }

    /// Ends the nodes and starts them on what they left.
    pub(crate) async fn restart(&mut self) {
        self.keep().close().await;
        self.keep = None;
        if let Some(another) = self.another.take() {
            another.close().await;
        }
        self.keep = Some(match &self.kind {
            Kind::Memory(memory) => {
                memory.order_faults(|_| None);
                memory.restart();
                Arc::clone(memory) as Arc<dyn Keep>
            }
            Kind::Embedded(folder) => open(folder),
            Kind::Postgres { url, .. } => {
                self.another = Some(connect(url).await);
                connect(url).await
            }
        });
    }
}
