//! How a person is recognised: which identifiers there are, and which of them may join two histories.

use event::{Column, Normalise};

use crate::read::{Kind, Reader};
use crate::yaml::Node;

/// What the charter says about one kind of identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The kind, such as `user_id`.
    pub name: String,
    /// One customer has only one value of it: two values mean two customers, whatever else they share.
    pub unique: bool,
    /// Which kind is believed when two disagree: the lowest number first; kinds without a number come last, in the
    /// order of the charter.
    pub priority: Option<u32>,
    /// The most values that one customer may have; one more means that the key is shared, and it is not stitched on.
    pub limit: Option<u32>,
    /// The column that it is also taken from, such as `traits.email`.
    pub from: Option<Column>,
    /// How values are made comparable.
    pub normalise: Normalise,
    /// Whether the value itself says who somebody is, so that it is shown and kept with care.
    pub personal: bool,
}

impl Key {
    /// A kind of identifier about which nothing is said.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            unique: false,
            priority: None,
            limit: None,
            from: None,
            normalise: Normalise::Trim,
            personal: false,
        }
    }
}

/// All kinds of identifier, and the values that are never believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The kinds, in the order of the charter.
    pub kinds: Vec<Key>,
    /// Values that mean "unknown" and would glue strangers together; compared without surrounding space and case.
    pub junk: Vec<String>,
}

/// What exports write where an identifier is missing.
///
/// `0` is not among them: many systems count their customers from zero.
const JUNK: [&str; 11] = ["", "null", "(null)", "nil", "none", "undefined", "unknown", "nan", "n/a", "-", "anonymous"];

impl Default for Keys {
    /// The usual kinds (the ones that Segment's libraries and most exports have) and the usual junk.
    fn default() -> Self {
        let personal = |name: &str, normalise| Key {
            from: Some(Column::Trait(vec![name.to_owned()])),
            limit: Some(3),
            personal: true,
            normalise,
            ..Key::new(name)
        };
        Self {
            kinds: vec![
                Key { unique: true, priority: Some(1), ..Key::new("user_id") },
                Key { unique: true, priority: Some(2), ..Key::new("customer") },
                Key { unique: true, priority: Some(3), ..Key::new("case") },
                personal("email", Normalise::Email),
                personal("phone", Normalise::Phone),
                Key { limit: Some(200), ..Key::new("anonymous_id") },
            ],
            junk: JUNK.map(str::to_owned).to_vec(),
        }
    }
}

impl Keys {
    /// What is said about a kind; `None` for one that the charter does not list.
    pub fn kind(&self, name: &str) -> Option<&Key> {
        self.kinds.iter().find(|key| key.name == name)
    }

    /// Whether a value is one that is never stitched on.
    pub fn is_junk(&self, value: &str) -> bool {
        let value = value.trim();
        self.junk.iter().any(|junk| junk.trim().to_lowercase() == value.to_lowercase())
    }
}

pub(crate) const KEY: &[&str] = &["unique", "priority", "limit", "from", "normalise", "personal"];

pub(crate) const NORMALISE: [(&str, Normalise); 3] =
    [("trim", Normalise::Trim), ("email", Normalise::Email), ("phone", Normalise::Phone)];

/// Reads `keys:`; without it, the usual kinds are meant.
pub(crate) fn read(reader: &mut Reader<'_>, node: Option<&Node>) -> Keys {
    let mut keys = Keys::default();
    let Some(node) = node else {
        reader.names.define(Kind::Key, keys.kinds.into_iter().map(|key| key.name).collect());
        return Keys::default();
    };
    keys.kinds.clear();
    for (name, node) in reader.entries(node, "`keys`") {
        if name.text == "junk" {
            keys.junk = node.items().into_iter().filter_map(|item| reader.text(item)).collect();
            continue;
        }
        let fields = reader.fields(node, "an entry of `keys`", KEY);
        keys.kinds.push(Key {
            unique: fields.get("unique").and_then(|n| reader.flag(n)).unwrap_or(false),
            priority: fields.get("priority").and_then(|n| reader.whole(n, 1)),
            limit: fields.get("limit").and_then(|n| reader.whole(n, 1)),
            from: fields.get("from").and_then(|n| reader.column(n)),
            normalise: fields
                .get("normalise")
                .and_then(|n| reader.word(n, "a way to normalise", &NORMALISE))
                .unwrap_or_default(),
            personal: fields.get("personal").and_then(|n| reader.flag(n)).unwrap_or(false),
            ..Key::new(name.text)
        });
    }
    keys
}
