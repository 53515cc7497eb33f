//! Which events of a journey are about one request (docs/guide/interactions.md, "What belongs together").

use charter::journeys::Interaction as Definition;
use event::Span;

use super::log::{Journey, Log, Seen, text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Resolved,
    Abandoned,
}

/// The events about one request, by position in the journey, the first of which opened it.
#[derive(Debug, Clone)]
pub(super) struct Interaction {
    pub(super) events: Vec<usize>,
    pub(super) state: State,
}

/// The interactions of one kind in a journey, and the events that resolve what was not open.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) interactions: Vec<Interaction>,
    pub(super) unopened: u64,
    pub(super) resolved_again: u64,
}

pub(super) fn opens(kind: &Definition, seen: &Seen<'_>) -> bool {
    kind.opens.contains(&seen.moment)
}

fn resolves(kind: &Definition, seen: &Seen<'_>) -> bool {
    kind.resolves.contains(&seen.moment)
}

pub(super) fn key(kind: &Definition, seen: &Seen<'_>) -> Option<String> {
    text(seen.event, kind.key.as_ref()?)
}

/// Where there is a key, the request is read of events of `opens` and `resolves` alone.
pub(super) fn request(kind: &Definition, seen: &Seen<'_>) -> Option<String> {
    if kind.key.is_some() && !opens(kind, seen) && !resolves(kind, seen) {
        return None;
    }
    text(seen.event, kind.request.as_ref()?)
}

/// What ties events together: a key, or else a request, or else that they open or resolve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Key(String),
    Request(String),
    Nothing,
}

fn tie(kind: &Definition, seen: &Seen<'_>) -> Option<Tie> {
    match (key(kind, seen), request(kind, seen)) {
        (Some(key), _) => Some(Tie::Key(key)),
        (None, Some(request)) => Some(Tie::Request(request)),
        (None, None) => (opens(kind, seen) || resolves(kind, seen)).then_some(Tie::Nothing),
    }
}

/// Whether it was silent for longer than the window between two times.
pub(super) fn silent(kind: &Definition, from_us: i64, to_us: i64) -> bool {
    kind.window.and_then(Span::as_micros).is_some_and(|window_us| to_us - from_us > window_us)
}

pub(super) fn gather(log: &Log<'_>, journey: &Journey<'_>, kind: &Definition) -> Gathered {
    let events = journey.events();
    let mut ties: Vec<Tie> = events.iter().filter_map(|seen| tie(kind, seen)).collect();
    ties.sort();
    ties.dedup();
    let mut all = Gathered { interactions: Vec::new(), unopened: 0, resolved_again: 0 };
    for one in ties {
        // The interactions of this tie, the last of which may be open.
        let mut of_tie: Vec<Interaction> = Vec::new();
        for i in (0..events.len()).filter(|i| tie(kind, &events[*i]) == Some(one.clone())) {
            if let Some(last) = of_tie.last_mut().filter(|last| last.state == State::Open) {
                let last_us = events[*last.events.last().expect("it has events")].at_us;
                // A key ties events together however long it takes.
                if !matches!(one, Tie::Key(_)) && silent(kind, last_us, events[i].at_us) {
                    last.state = State::Abandoned;
                }
            }
            match of_tie.last_mut().filter(|last| last.state == State::Open) {
                Some(open) => open.events.push(i),
                None if opens(kind, &events[i]) => {
                    of_tie.push(Interaction { events: vec![i], state: State::Open });
                }
                None => {
                    if resolves(kind, &events[i]) {
                        let again = of_tie.last().is_some_and(|last| last.state == State::Resolved);
                        all.resolved_again += u64::from(again);
                        all.unopened += u64::from(!again);
                    }
                    continue;
                }
            }
            if resolves(kind, &events[i]) {
                of_tie.last_mut().expect("one is open").state = State::Resolved;
            }
        }
        if let Some(last) = of_tie.last_mut().filter(|last| last.state == State::Open) {
            let last_us = events[*last.events.last().expect("it has events")].at_us;
            if silent(kind, last_us, log.until_us) {
                last.state = State::Abandoned;
            }
        }
        all.interactions.extend(of_tie);
    }
    all
}
