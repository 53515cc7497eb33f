//! The first charter of an organisation, written from what its data show: `desireline init`.
//!
//! Everything that was guessed says so in a comment, because the file is meant to be read and corrected by people. What
//! is written parses without problems, whatever the data hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::sources::{Aggregate, Member, Members, SourceMap, Taken, Taking};

/// What was seen of the data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// The organisation, where it is known.
    pub organisation: Option<String>,
    /// The time zone, by its name, and what it was concluded from.
    pub timezone: Option<(String, String)>,
    /// How often each event occurred.
    pub events: Vec<(String, u64)>,
    /// How often each channel occurred.
    pub channels: Vec<(String, u64)>,
    /// The departments that did something, the busiest first.
    pub departments: Vec<String>,
    /// The kinds of identifiers, and how many different values each has.
    pub keys: Vec<(String, u64)>,
    /// How the rows of each file were read.
    pub sources: Vec<SourceMap>,
}

/// More distinct events than this are not listed as moments one by one.
pub const DRAFT_MOMENTS_MAX: usize = 60;

/// More departments than this are not listed.
pub const DRAFT_DEPARTMENTS_MAX: usize = 40;

/// Writes the text of a first charter.
pub fn draft(summary: &Summary) -> String {
    let mut out = String::from(
        "# A first charter, written from data. Everything here is a guess until somebody has agreed to it:\n",
    );
    out.push_str(
        "# rename, regroup and delete freely, then run `desireline check`. The events stay as they are.\ncharter: 1\n",
    );
    match &summary.organisation {
        Some(name) => line(&mut out, "organisation", name),
        None => out.push_str("# organisation: whose charter this is\n"),
    }
    match &summary.timezone {
        Some((name, why)) => {
            let _ = writeln!(out, "timezone: {}    # {}", quoted(name), comment(why));
        }
        None => {
            out.push_str("timezone: UTC    # not told by the data; times without an offset are read in this zone\n");
        }
    }
    out.push_str("# currency: EUR\n# definition: what customer experience means here, agreed by all departments\n");
    keys(&mut out, summary);
    sources(&mut out, summary);
    names(&mut out, "channels", "where things happen; `human: true` where a person answers", &channels(summary));
    if !summary.departments.is_empty() {
        out.push_str("\n# Departments are seen in the data and own nothing yet: name them as `owner:` of moments.\n");
        out.push_str("# departments:\n");
        for name in summary.departments.iter().take(DRAFT_DEPARTMENTS_MAX) {
            let _ = writeln!(out, "#   {}: {{}}", comment(&quoted(name)));
        }
        if let more @ 1.. = summary.departments.len().saturating_sub(DRAFT_DEPARTMENTS_MAX) {
            let _ = writeln!(out, "#   and {more} more, which did less");
        }
    }
    moments(&mut out, summary);
    out
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key}: {}", quoted(value));
}

/// A text as YAML: bare where it cannot be misread, otherwise in double quotes.
fn quoted(text: &str) -> String {
    let word = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/'))
        && text.starts_with(|c: char| c.is_ascii_alphabetic());
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"];
    if word && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text as a comment: on one line.
fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') { ' ' } else { c })
        .collect()
}

/// A text as SQL writes it, inside of YAML.
fn sql(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name that can be written in patterns and conditions without quotes; `taken` keeps names apart.
fn name_of(text: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() {
            name.extend(c.to_lowercase());
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
    }
    let trimmed = name.trim_end_matches('_');
    let base = if trimmed.is_empty() { "moment" } else { trimmed };
    let mut unique = base.to_owned();
    let mut n = 2;
    while !taken.insert(unique.clone()) {
        unique = format!("{base}_{n}");
        n += 1;
    }
    unique
}

fn keys(out: &mut String, summary: &Summary) {
    let usual = crate::keys::Keys::default();
    // Kinds that only a source names are listed too, because a source may use no others.
    let named = summary.sources.iter().flat_map(|source| source.keys.iter().map(|(kind, _)| (kind.as_str(), 0)));
    let seen: BTreeMap<&str, u64> = named.chain(summary.keys.iter().map(|(kind, n)| (kind.as_str(), *n))).collect();
    if seen.is_empty() {
        return;
    }
    out.push_str("\nkeys:    # how a person is recognised\n");
    for (kind, values) in seen {
        let mut settings = Vec::new();
        if let Some(key) = usual.kind(kind) {
            if key.unique {
                settings.push("unique: true".to_owned());
            }
            settings.extend(key.priority.map(|n| format!("priority: {n}")));
            settings.extend(key.limit.map(|n| format!("limit: {n}")));
            settings.extend(key.from.as_ref().map(|column| format!("from: {column}")));
            if matches!(kind, "email" | "phone") {
                settings.push(format!("normalise: {kind}, personal: true"));
            }
        }
        let note = if values > 0 {
            format!("    # {values} different {}", if values == 1 { "value" } else { "values" })
        } else {
            String::new()
        };
        let _ = writeln!(out, "  {}: {{{}}}{note}", quoted(kind), settings.join(", "));
    }
    let junk: Vec<String> = usual.junk.iter().map(|value| format!("\"{value}\"")).collect();
    let _ = writeln!(out, "  junk: [{}]    # values that are never believed", junk.join(", "));
}

fn channels(summary: &Summary) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let distinct = summary.channels.iter().filter(|(name, _)| !name.is_empty() && seen.insert(name));
    distinct.map(|(name, n)| (name.clone(), times(*n))).collect()
}

fn names(out: &mut String, section: &str, why: &str, entries: &[(String, String)]) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{section}:    # {why}");
    for (name, note) in entries {
        let _ = writeln!(out, "  {}: {{}}    # {}", quoted(name), comment(note));
    }
}

fn moments(out: &mut String, summary: &Summary) {
    let mut seen = BTreeSet::new();
    let mut events: Vec<&(String, u64)> = summary.events.iter().filter(|(event, _)| seen.insert(event)).collect();
    events.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    if events.is_empty() {
        return;
    }
    if events.len() > DRAFT_MOMENTS_MAX {
        let _ = write!(
            out,
            "\n# There are {} different events. The {DRAFT_MOMENTS_MAX} most frequent are proposed as moments;\n\
             # events that are no moment are kept, and left out of the views.\n",
            events.len()
        );
    }
    out.push_str(
        "\nmoments:    # the most frequent first; give each a `stage:` and an `owner:` once these are defined\n",
    );
    let mut taken = BTreeSet::new();
    for (event, count) in events.into_iter().take(DRAFT_MOMENTS_MAX) {
        let name = name_of(event, &mut taken);
        let when = quoted(&format!("event = {}", sql(event)));
        let label = if name == *event { String::new() } else { format!("label: {}, ", forced(event)) };
        let _ = writeln!(out, "  {}: {{{label}when: {when}}}    # {}", quoted(&name), times(*count));
    }
}

/// How many events there are of something.
fn times(n: u64) -> String {
    format!("{n} {}", if n == 1 { "event" } else { "events" })
}

/// A text in quotes even where it could stand bare, such as `5`.
fn forced(text: &str) -> String {
    let bare = quoted(text);
    if bare.starts_with('"') { bare } else { format!("\"{bare}\"") }
}

fn taken(value: &Taken) -> String {
    match value {
        Taken::Literal(text) => forced(&sql(text)),
        Taken::Column { column, format: None } => forced(column),
        Taken::Column { column, format: Some(format) } => {
            format!("{{column: {}, format: {}}}", forced(column), forced(format))
        }
    }
}

fn member(member: &Member) -> String {
    let from = match &member.from {
        Taking::Column(Aggregate::First, column) if *column == member.name => return forced(column),
        Taking::Column(Aggregate::First, column) => column.clone(),
        Taking::Column(aggregate, column) => format!("{}({column})", aggregate.name()),
        Taking::Literal(text) => sql(text),
        Taking::Rows => "count()".to_owned(),
    };
    format!("{{{}: {}}}", forced(&member.name), forced(&from))
}

fn members(value: &Members) -> String {
    match value {
        Members::All => "all".to_owned(),
        Members::Listed(list) => format!("[{}]", list.iter().map(member).collect::<Vec<_>>().join(", ")),
    }
}

fn sources(out: &mut String, summary: &Summary) {
    if summary.sources.is_empty() {
        return;
    }
    out.push_str(
        "\nsources:    # how rows become events: by a column, a text in quotes ('shop'), or a column and its format\n",
    );
    let mut seen = BTreeSet::new();
    for source in summary.sources.iter().filter(|source| seen.insert(source.glob.to_string())) {
        let _ = writeln!(out, "  {}:", forced(&source.glob.to_string()));
        for (key, value) in settings(source) {
            let _ = writeln!(out, "    {}: {value}", quoted(&key));
        }
    }
}

/// Every setting of a source with its value as YAML.
fn settings(source: &SourceMap) -> Vec<(String, String)> {
    let roles = [
        ("event", &source.event),
        ("at", &source.at),
        ("start", &source.start),
        ("end", &source.end),
        ("received_at", &source.received_at),
        ("channel", &source.channel),
        ("source", &source.source),
        ("message_id", &source.message_id),
        ("resource", &source.resource),
        ("department", &source.department),
        ("case_id", &source.case_id),
        ("phase", &source.phase),
    ];
    let mut all: Vec<(String, String)> =
        roles.iter().filter_map(|(key, value)| Some(((*key).to_owned(), taken(value.as_ref()?)))).collect();
    all.extend(source.keys.iter().map(|(kind, value)| (kind.clone(), taken(value))));
    let mut add = |key: &str, value: Option<String>| all.extend(value.map(|value| (key.to_owned(), value)));
    add("one_per", source.one_per.as_deref().map(forced));
    add("properties", source.properties.as_ref().map(members));
    add("traits", source.traits.as_ref().map(members));
    let unknown = source.unknown.iter().map(|value| forced(value)).collect::<Vec<_>>().join(", ");
    add("unknown", (!source.unknown.is_empty()).then(|| format!("[{unknown}]")));
    add("timezone", source.timezone.as_ref().and_then(|zone| zone.iana_name()).map(forced));
    add("delimiter", source.delimiter.map(|c| if c == '\t' { "tab".to_owned() } else { forced(&c.to_string()) }));
    add("encoding", source.encoding.as_deref().map(forced));
    add("object_type", source.object_type.as_deref().map(forced));
    all
}

#[cfg(test)]
mod tests;
