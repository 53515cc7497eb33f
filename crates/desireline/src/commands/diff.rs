//! `diff`: two charters over the same lake, and every figure that changes.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use charter::Charter;
use lake::Lake;
use listen::stitch::Rules;
use understand::{Answered, Changed, View, changes, changes_csv, changes_table, sort_by_size};

use crate::args::{DiffArgs, SelectArgs};
use crate::draw;
use crate::error::Error;
use crate::home::{Home, read_charter, say_simulated};
use crate::question::{Asking, answer_all};

/// Paths that are compared, the most frequent ones of either charter.
const PATHS: &str = "100";
/// Figures that the terminal shows.
const ROWS: usize = 50;

/// Shows what a change of the charter does to every figure.
pub(crate) async fn run(home: &Home, args: &DiffArgs, as_json: bool) -> Result<ExitCode, Error> {
    let [old, new] = [&args.old, &args.new].map(|path| read_charter(path).map(Arc::new));
    let (old, new) = (old?, new?);
    let lake = Lake::open(&home.path).await?;
    let (views, left_out) = views(&old, &new)?;
    let asking = |charter, journey: Option<&String>, views| Asking {
        charter,
        select: SelectArgs { journey: journey.cloned(), afresh: args.afresh, ..SelectArgs::default() },
        views,
    };
    let (of_journeys, of_runs): (Vec<View>, Vec<View>) = views.into_iter().partition(View::is_about_journeys);
    // Whole runs first, then every journey that both charters have.
    let journeys: Vec<&String> = old.journeys.iter().map(|j| &j.name).filter(|n| has_journey(&new, n)).collect();
    let asked: Vec<(Option<&String>, &[View])> = std::iter::once((None, of_runs.as_slice()))
        .chain(journeys.iter().map(|name| (Some(*name), of_journeys.as_slice())))
        .filter(|(_, views)| !views.is_empty())
        .collect();
    let askings = |charter| asked.iter().map(|(journey, views)| asking(charter, *journey, views)).collect::<Vec<_>>();
    let (olds, news) = if Rules::from(&old.keys) == Rules::from(&new.keys) {
        let both = [askings(&old), askings(&new)].into_iter().flatten().collect::<Vec<_>>();
        let mut answers = answer_all(&lake, home, &Rules::from(&old.keys), &both).await?;
        let news = answers.split_off(asked.len());
        (answers, news)
    } else {
        draw::note("the charters recognise people by different keys, so each is asked in a pass of its own");
        let olds = answer_all(&lake, home, &Rules::from(&old.keys), &askings(&old)).await?;
        (olds, answer_all(&lake, home, &Rules::from(&new.keys), &askings(&new)).await?)
    };
    let mut found: Vec<Changed> = Vec::new();
    for ((journey, _), (olds, news)) in asked.iter().zip(olds.iter().zip(&news)) {
        for (old, new) in olds.iter().zip(news) {
            let view = journey.map_or_else(|| old.view().to_owned(), |journey| format!("{} of {journey}", old.view()));
            found.extend(changes(&view, &value(old.as_ref())?, &value(new.as_ref())?));
        }
    }
    sort_by_size(&mut found);
    let limit = |otherwise| match args.limit {
        None => otherwise,
        Some(0) => usize::MAX,
        Some(limit) => limit,
    };
    let listed = &found[..limit(usize::MAX).min(found.len())];
    if as_json {
        draw::data(&serde_json::to_string(listed).expect("figures are numbers and texts"));
    } else if args.csv {
        draw::data(&changes_csv(listed));
    } else if found.is_empty() {
        draw::data("no figure changes");
    } else {
        draw::data(&draw::table(&changes_table(&found, limit(ROWS))));
    }
    for note in left_out.iter().chain(&untold(&old, &new, &args.new)) {
        draw::note(note);
    }
    say_simulated([&*old, &*new, &*home.charter]);
    Ok(ExitCode::SUCCESS)
}

/// What has changed and no view can tell, because it is about what is decided and not about what happened.
fn untold(old: &Charter, new: &Charter, path: &Path) -> Option<String> {
    let lists = [
        ("features", named(&old.features, &new.features, |feature| &feature.name)),
        ("actions", named(&old.actions, &new.actions, |action| &action.name)),
    ];
    let lists = lists.into_iter().filter(|(_, changed)| !changed.is_empty());
    let lists = lists.map(|(part, changed)| format!("{part} ({})", changed.join(", ")));
    let whole = [
        ("caps", old.caps != new.caps),
        ("stakes", old.stakes != new.stakes),
        ("deciding", old.deciding != new.deciding),
    ];
    let whole = whole.into_iter().filter(|(_, changed)| *changed).map(|(part, _)| part.to_owned());
    let parts: Vec<String> = lists.chain(whole).collect();
    let what = parts.join(", ");
    (!parts.is_empty()).then(|| {
        format!(
            "{what} changed, too, which no figure here tells: `desireline replay --policy {}` says what would have been decided",
            path.display()
        )
    })
}

/// The names of what is not the same in two lists, each once.
fn named<'a, T: PartialEq>(old: &'a [T], new: &'a [T], name: impl Fn(&'a T) -> &'a str) -> Vec<&'a str> {
    let changed = |of: &'a [T], other: &'a [T]| of.iter().filter(move |one| !other.contains(one));
    let mut names: Vec<&str> = changed(old, new).chain(changed(new, old)).map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn has_journey(charter: &Charter, name: &str) -> bool {
    charter.journeys.iter().any(|journey| journey.name == name)
}

fn value(answer: &dyn Answered) -> Result<serde_json::Value, Error> {
    serde_json::from_str(&answer.json(false)).map_err(|error| Error::Usage(format!("an answer is not JSON: {error}")))
}

/// The views that both charters can answer without more being said, and why others are left out.
fn views(old: &Charter, new: &Charter) -> Result<(Vec<View>, Vec<String>), Error> {
    let (mut views, mut left_out) = (Vec::new(), Vec::new());
    for view in View::all() {
        let view = if view.name() == "variants" { View::parse("variants", [("limit", PATHS)])? } else { view };
        if view.check().is_err() {
            continue;
        }
        let can = [old, new].map(|charter| view.wants(charter, &mut journey::Wanted::default()).is_ok());
        match can {
            [true, true] => views.push(view),
            [true, false] => left_out.push(format!("{}: only the old charter has what it is about", view.name())),
            [false, true] => left_out.push(format!("{}: only the new charter has what it is about", view.name())),
            [false, false] => {}
        }
    }
    Ok((views, left_out))
}
