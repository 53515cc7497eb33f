//! What a question may know besides the journeys that it is shown.

use std::sync::Arc;

use charter::Charter;

use crate::{Moments, Wanted, Words};

/// The organisation's own words, and up to when anything is known. All folds of one question share it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The charter that the events are read by.
    pub charter: Arc<Charter>,
    /// The name of the charter's journey that runs are cut into; without it, a run is one journey.
    pub journey: Option<String>,
    /// The numbers of moments.
    pub moments: Moments,
    /// The numbers of other words.
    pub words: Words,
    /// What is known of events besides, of all views together.
    pub wanted: Arc<Wanted>,
    /// From when on events are known, in microseconds since 1970.
    pub since_us: i64,
    /// From when on moments are known: the beginning of the first day of the charter's time zone on which there is one, in
    /// microseconds since 1970. An event that is no moment may be much older.
    pub began_us: i64,
    /// Up to when events are known, in microseconds since 1970: what has not happened by then may still happen.
    pub until_us: i64,
    /// The start of the period that was asked for, if one was.
    pub from_us: Option<i64>,
    /// Its end, which is no part of it.
    pub to_us: Option<i64>,
    /// The start of the period before, as long as what is known of the one that was asked for, where its journeys are shown too.
    pub before_us: Option<i64>,
}

impl Setting {
    /// A setting without a charter of its own, for events of any name.
    pub fn plain(moments: &Moments) -> Self {
        Self {
            charter: Arc::new(Charter::without_file()),
            journey: None,
            moments: moments.clone(),
            words: Words::new(),
            wanted: Arc::default(),
            since_us: i64::MIN,
            began_us: i64::MIN,
            until_us: i64::MAX,
            from_us: None,
            to_us: None,
            before_us: None,
        }
    }

    /// The start of the period before the one that was asked for, which is as long as what is known of that one; `None` where
    /// the period has no start or no end, or where moments are not known for so long.
    pub fn period_before_us(&self) -> Option<i64> {
        let (from_us, to_us) = (self.from_us?, self.to_us?.min(self.until_us.saturating_add(1)));
        let before_us = from_us.checked_sub(to_us.checked_sub(from_us)?)?;
        (self.began_us..from_us).contains(&before_us).then_some(before_us)
    }

    /// The charter's journey that runs are cut into.
    pub fn journey(&self) -> Option<&charter::journeys::Journey> {
        let name = self.journey.as_deref()?;
        self.charter.journeys.iter().find(|journey| journey.name == name)
    }
}
