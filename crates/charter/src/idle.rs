//! What a charter says and means nothing by, or something else than it seems: it is read all the same, and told.

use std::ops::Range;

use event::{Column, Span};

use crate::actions::{Action, Propensity, TEXT_BYTES_MAX};
use crate::charter::Charter;
use crate::condition::Condition;
use crate::problem::Code;
use crate::read::{Fields, Reader};
use crate::words::Fact;
use crate::yaml::{Node, Value};

/// Warns of what has no effect in a charter that is otherwise in order.
pub(crate) fn warn(reader: &mut Reader<'_>, top: &Fields<'_>, charter: &Charter) {
    for action in &charter.actions {
        if let Some((name, node)) = entry(top.get("actions"), &action.name) {
            warn_action(reader, name, node, action, charter);
        }
    }
    if let (Some(stakes), Some(node)) = (&charter.stakes, top.get("stakes")) {
        warn_long_texts(reader, part(node, "high"), &stakes.high);
    }
    let caps = top.get("caps").map(Node::items).unwrap_or_default();
    for (cap, node) in charter.caps.iter().zip(caps) {
        warn_no_time(reader, node, cap.limit.per);
        let channel = cap.channel.as_ref();
        if let Some(channel) = channel.filter(|_| charter.actions.iter().all(|action| action.channel != cap.channel)) {
            let reason = format!("no action has the channel `{channel}`, so that this cap counts nothing");
            tell(reader, part(node, "channel"), reason, None);
        }
    }
    for survey in &charter.surveys {
        if let Some((name, _)) = entry(top.get("features"), &survey.name) {
            let reason = format!("there is a survey `{}`, too: conditions mean the feature", survey.name);
            reader.report(Code::Idle, name, reason, Some("give one of them another name".to_owned()));
        }
    }
    if let Some(days) = top.get("calendar").map(|node| part(node, "days"))
        && charter.calendar.days.0 == [false; 7]
    {
        let reason = "nobody ever works, so that nothing is over that lasts business days";
        tell(reader, days, reason.to_owned(), None);
    }
    let tests = top.get("tests").map(Node::items).unwrap_or_default();
    for (test, node) in charter.tests.iter().zip(tests).filter(|(test, _)| test.expect.is_empty()) {
        let reason = format!("the test `{}` expects nothing, and passes whatever comes of it", test.name);
        tell(reader, part(node, "expect"), reason, None);
    }
}

fn warn_action(reader: &mut Reader<'_>, name: Range<usize>, node: &Node, action: &Action, charter: &Charter) {
    let weighs = ["propensity", "context", "lever"].into_iter().find(|key| child(node, key).is_some());
    if let Some(key) = weighs.filter(|_| child(node, "value").is_none()) {
        let reason = format!("`{}` has no `value`, so that it scores 0 whatever its `{key}` is", action.name);
        reader.report(Code::Idle, name, reason, Some("say what it is worth: `value: 1`".to_owned()));
    }
    let chosen = "does not keep it from being chosen: it scores 0, and is chosen where nothing else may be";
    let hint = || Some("say in `when` for whom it is not".to_owned());
    if action.lever == 0.0 {
        tell(reader, part(node, "lever"), format!("a `lever` of 0 {chosen}"), hint());
    }
    if action.context.iter().any(|weight| weight.weight == 0.0) {
        tell(reader, part(node, "context"), format!("a `weight` of 0 {chosen}"), hint());
    }
    if let (Some(cap), Some(node)) = (action.cap, child(node, "cap")) {
        warn_no_time(reader, node, cap.per);
    }
    if action.quiet.is_some_and(|quiet| quiet.from == quiet.to) {
        let reason = "quiet hours that end where they begin never end, so that it is never chosen";
        tell(reader, part(node, "quiet"), reason.to_owned(), None);
    }
    if let Some(Propensity::Learnt(outcome)) = &action.propensity
        && charter.outcomes.iter().any(|known| known.name == *outcome && known.bad)
    {
        let reason = format!("`{outcome}` is a bad outcome: the more probable it is, the more this action is chosen");
        tell(reader, part(node, "propensity"), reason, None);
    }
    warn_long_texts(reader, part(node, "when"), &action.when);
    for weight in &action.context {
        warn_long_texts(reader, part(node, "context"), &weight.when);
    }
}

fn warn_no_time(reader: &mut Reader<'_>, node: &Node, per: Span) {
    if per == Span::Elapsed(0) {
        tell(reader, part(node, "per"), "a cap over no time keeps nothing out".to_owned(), None);
    }
}

/// What is kept of an event is cut, and never equals a longer text.
fn warn_long_texts(reader: &mut Reader<'_>, node: &Node, condition: &Condition<Fact>) {
    let kept =
        |fact: &&Fact| matches!(fact, Fact::Event(column) if *column != Column::At) || matches!(fact, Fact::Feature(_));
    let texts = condition.columns().iter().filter(kept).flat_map(|fact| condition.compared_with(fact));
    let long: Vec<&str> = texts.filter(|text| text.len() > TEXT_BYTES_MAX).collect();
    if !long.is_empty() {
        let reason = format!("texts are kept of an event up to {TEXT_BYTES_MAX} bytes, and never equal a longer one");
        let hint = Some("compare the beginning: `like 'https://shop.example/cart%'`".to_owned());
        tell(reader, node, reason, hint);
    }
}

fn tell(reader: &mut Reader<'_>, node: &Node, reason: String, hint: Option<String>) {
    reader.report(Code::Idle, node.bytes.clone(), reason, hint);
}

/// A named entry, with where its name stands.
fn entry<'n>(node: Option<&'n Node>, name: &str) -> Option<(Range<usize>, &'n Node)> {
    let Value::Map(entries) = &node?.value else { return None };
    let found = entries.iter().find(|(key, _)| key.scalar().is_some_and(|key| key.text == name));
    found.map(|(key, value)| (key.bytes.clone(), value))
}

fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    entry(Some(node), key).map(|(_, value)| value)
}

/// A part of a node, or the whole where it is not there.
fn part<'n>(node: &'n Node, key: &str) -> &'n Node {
    child(node, key).unwrap_or(node)
}
