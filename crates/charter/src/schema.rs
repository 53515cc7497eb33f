//! The JSON Schema of the charter file, for editors: completion, and red lines while typing.
//!
//! It says what the shape of a charter is; what only a reader can know (that a name exists, that a condition is SQL) it
//! leaves to `check`. Every charter that parses is valid under it. The lists of keys and words are the ones that the
//! reader uses.

use serde_json::{Map, Value, json};

use crate::{actions, charter, journeys, keys, moments, pilots, scenario, segments, sources};

/// The JSON Schema (2020-12) of a charter.
pub fn schema() -> Value {
    let mut top = Map::new();
    for key in charter::TOP {
        top.insert((*key).to_owned(), section(key));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Charter",
        "description": "An organisation's own shared definition of its customer experience.",
        "type": "object",
        "properties": top,
        "required": ["charter"],
        "additionalProperties": false,
        "$defs": definitions(),
    })
}

fn section(key: &str) -> Value {
    match key {
        "charter" => json!({"const": charter::VERSION, "description": "The version of the charter language."}),
        "organisation" => text("Whose charter it is."),
        "timezone" => text("The zone in which times without an offset are meant, such as Europe/Berlin."),
        "currency" => json!({"type": "string", "pattern": "^[A-Z]{3}$", "description": "The currency of all amounts."}),
        "definition" => text("What customer experience means here, agreed by all departments."),
        "calendar" => described("When the organisation works.", calendar()),
        "keys" => described("How a person is recognised.", all_keys()),
        "message_ids" => {
            described("For how long a message id that came in live is known.", json!({"$ref": "#/$defs/span"}))
        }
        "sources" => described("How rows of files become events, by a pattern over file names.", each(&source())),
        "channels" => described("Where things happen.", each(&record(moments::CHANNEL, &[]))),
        "departments" => described("Who owns and does things.", each(&record(moments::DEPARTMENT, &[]))),
        "stages" => described("The life cycle, in order.", each(&record(moments::STAGE, &[]))),
        "moments" => {
            described("What counts; an event is the first that holds.", each(&record(moments::MOMENT, &["when"])))
        }
        "journeys" => described("How runs of events are cut into journeys.", each(&record(journeys::JOURNEY, &[]))),
        "interactions" => {
            described("Which events are about one request.", each(&record(journeys::INTERACTION, &["opens"])))
        }
        "outcomes" => described("What the business gets.", each(&record(journeys::OUTCOME, &["when"]))),
        "surveys" => described("What customers are asked.", each(&survey())),
        "expectations" => described(
            "What customers may expect after a moment.",
            each(&record(journeys::EXPECTATION, &["after", "promise", "within"])),
        ),
        "segments" => described("Groups of customers by what is known of each.", each(&segment())),
        "features" => described("What is known about each customer.", each(&feature())),
        "actions" => described("What can be done for a customer.", each(&action())),
        "caps" => described("How much may be done at all.", one_or_many(&record(actions::CAP, &["per", "times"]))),
        "deciding" => described("How it is decided between actions.", deciding()),
        "stakes" => described("Which cases are rare and costly.", stakes()),
        "pilots" => described("What is being tried.", each(&pilot())),
        "beliefs" => described("What is held to be true.", each(&belief())),
        "tests" => described("Events in, expectations out.", one_or_many(&test())),
        "checklists" => described("The questions of each stage.", each(&one_or_many(&question()))),
        _ => unreachable!("every section has its schema; a test asks for all of them"),
    }
}

/// What the same key means wherever it stands.
fn field(key: &str) -> Value {
    match key {
        "label" => text("How it is shown."),
        "human" | "sponsor" | "bad" | "unique" | "personal" => json!({"type": "boolean"}),
        "when" | "high" | "of" | "against" => reference("condition"),
        "goal" => words(&moments::GOALS.map(|(word, _)| word)),
        "scope" => words(&moments::SCOPES.map(|(word, _)| word)),
        "starts" | "succeeds" | "opens" | "resolves" | "guardrails" => reference("names"),
        "abandoned_after" | "per" | "within" => reference("span"),
        "window" | "horizon" | "warn" => reference("elapsed"),
        "designed" => {
            json!({"type": "string", "description": "A pattern over moments: visit (search | cart)* .. order"})
        }
        "promised" => json!({
            "type": "object",
            "propertyNames": {"pattern": "\\.\\."},
            "additionalProperties": {"$ref": "#/$defs/span"},
        }),
        "request" | "score" | "reason" => reference("column"),
        "times" => json!({"type": "integer", "minimum": 1, "maximum": actions::CAP_TIMES_MAX}),
        "limit" | "priority" => json!({"type": "integer", "minimum": 1}),
        _ => json!({"type": "string"}),
    }
}

fn definitions() -> Value {
    json!({
        "condition": {"type": ["string", "boolean"], "description": "SQL, such as: event = 'Order Completed'"},
        "column": {"type": "string", "description": "A column of an event, such as properties.total"},
        "elapsed": {"type": "string", "pattern": "^[0-9]+(us|s|m|h|d|w)$", "description": "Such as 30m or 14d."},
        "span": {"type": "string", "pattern": "^[0-9]+(us|s|m|h|d|w|bd)$", "description": "Such as 30m, 14d or 3bd."},
        "names": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "datum": {"type": ["string", "number", "boolean"]},
        "taken": {"anyOf": [
            {"$ref": "#/$defs/datum", "description": "A column of the file, or a text in quotes: \"'shop'\""},
            {
                "type": "object",
                "properties": {"column": {"$ref": "#/$defs/datum"}, "format": {"anyOf": [{"type": "string", "pattern": "%"}, {"enum": sources::TIME_FORMS}]}},
                "required": ["column"],
                "additionalProperties": false,
            },
        ]},
        "members": {"anyOf": [
            {"const": "all"},
            {"$ref": "#/$defs/named"},
            {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/datum"}, {"$ref": "#/$defs/named"}]}},
        ]},
        "named": {"type": "object", "additionalProperties": {"$ref": "#/$defs/datum"}},
    })
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn words(known: &[&str]) -> Value {
    json!({"enum": known})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn described(description: &str, mut schema: Value) -> Value {
    schema["description"] = description.into();
    schema
}

/// A map from names to values of one kind; one without a value is one without settings.
fn each(schema: &Value) -> Value {
    json!({"type": ["object", "null"], "additionalProperties": schema})
}

fn one_or_many(schema: &Value) -> Value {
    json!({"anyOf": [{"type": "array", "items": schema}, schema]})
}

/// A map with these keys and no others.
fn record(known: &[&str], required: &[&str]) -> Value {
    let fields: Map<String, Value> = known.iter().map(|key| ((*key).to_owned(), field(key))).collect();
    let of_type = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    json!({"type": of_type, "properties": fields, "required": required, "additionalProperties": false})
}

/// As [`record`], with some keys that mean something of their own here.
fn record_with(known: &[&str], required: &[&str], own: &[(&str, Value)]) -> Value {
    let mut schema = record(known, required);
    for (key, value) in own {
        schema["properties"][*key] = value.clone();
    }
    schema
}

fn calendar() -> Value {
    let date = json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"});
    record_with(
        charter::CALENDAR,
        &[],
        &[
            ("days", described("mon-fri, or a list of days.", reference("names"))),
            ("hours", text("Such as 08:00-18:00.")),
            ("holidays", one_or_many(&date)),
        ],
    )
}

fn all_keys() -> Value {
    let normalise = words(&keys::NORMALISE.map(|(word, _)| word));
    let key = record_with(keys::KEY, &[], &[("from", reference("column")), ("normalise", normalise)]);
    let mut schema = each(&key);
    schema["properties"] = json!({"junk": described("Values that are never believed.", reference("names"))});
    schema
}

fn source() -> Value {
    let mut fields = Map::new();
    for role in sources::ROLES {
        fields.insert(role.to_owned(), reference("taken"));
    }
    for setting in sources::SETTINGS {
        let schema = match setting {
            "properties" | "traits" => reference("members"),
            "unknown" => one_or_many(&reference("datum")),
            _ => json!({"type": "string"}),
        };
        fields.insert(setting.to_owned(), schema);
    }
    // Any other key is a kind of identifier, which the charter itself defines.
    json!({"type": ["object", "null"], "properties": fields, "additionalProperties": {"$ref": "#/$defs/taken"}})
}

fn survey() -> Value {
    let kinds = words(&journeys::SURVEY_KINDS.map(|(word, _)| word));
    record_with(journeys::SURVEY, &["moment", "score", "kind"], &[("kind", kinds)])
}

/// A condition alone, or with a label.
fn segment() -> Value {
    let when = json!({"type": ["string", "boolean"], "description": "SQL, such as: count_of.order >= 3"});
    json!({"anyOf": [when, record_with(segments::SEGMENT, &["when"], &[("when", when.clone())])]})
}

fn feature() -> Value {
    let own = [("value", reference("column"))];
    let mut schema = record_with(actions::FEATURE, &[], &own);
    schema["type"] = "object".into();
    schema
}

fn action() -> Value {
    let share = json!({"type": "number", "minimum": 0, "maximum": 1});
    let learnt = json!({
        "type": "object",
        "properties": {"from": {"type": "string", "pattern": "^outcome\\."}},
        "required": ["from"],
        "additionalProperties": false,
    });
    let weight = record_with(actions::WEIGHT, actions::WEIGHT, &[("weight", json!({"type": "number", "minimum": 0}))]);
    let own = [
        ("cap", record(actions::LIMIT, &["per", "times"])),
        ("quiet", text("Hours in which it is not delivered, such as 20:00-08:00.")),
        ("value", json!({"type": "number", "minimum": 0})),
        ("propensity", json!({"anyOf": [share, learnt]})),
        ("context", one_or_many(&weight)),
        (
            "lever",
            json!({"type": "number", "minimum": 0, "description": "By how much it is favoured; 1 for not at all."}),
        ),
        ("deliver", record(&["webhook"], &["webhook"])),
    ];
    record_with(actions::ACTION, &["when"], &own)
}

fn deciding() -> Value {
    let share = || json!({"type": "number", "minimum": 0, "maximum": 1});
    let own: Vec<(&str, Value)> = actions::DECIDING.iter().map(|key| (*key, share())).collect();
    record_with(actions::DECIDING, &[], &own)
}

fn stakes() -> Value {
    let then = words(&actions::HANDLING.map(|(word, _)| word));
    record_with(actions::STAKES, actions::STAKES, &[("then", then)])
}

fn pilot() -> Value {
    let arms = json!({"type": "object", "minProperties": 2, "additionalProperties": {"type": "number", "minimum": 0}});
    let own = [("arms", arms), ("measures", record(pilots::MEASURES, &["primary"]))];
    record_with(pilots::PILOT, &["arms", "measures"], &own)
}

fn belief() -> Value {
    let direction = words(&pilots::DIRECTIONS.map(|(word, _)| word));
    record_with(pilots::BELIEF, &["claim", "of", "outcome", "direction"], &[("direction", direction)])
}

fn question() -> Value {
    let answer = json!({"anyOf": [{"const": "person"}, record(pilots::VIEW, &["view"])]});
    record_with(pilots::QUESTION, &["ask"], &[("answer", answer)])
}

fn test() -> Value {
    let event = json!({
        "type": "object",
        "properties": {
            "event": reference("datum"),
            "at": reference("datum"),
            "received_at": reference("datum"),
            "properties": {"type": "object"},
            "traits": {"type": "object"},
        },
        "required": ["event", "at"],
        "additionalProperties": {"$ref": "#/$defs/datum"},
    });
    let endings = words(&scenario::ENDINGS.map(|(word, _)| word));
    let standings = words(&scenario::STANDINGS.map(|(word, _)| word));
    let count = json!({"type": "integer", "minimum": 0});
    let expect = json!({
        "type": "object",
        "properties": {
            "stage": {"type": ["string", "null"]},
            "moments": reference("names"),
            "customers": count,
            "action": {"type": ["string", "null"]},
        },
        "patternProperties": {
            "^journey\\.": one_or_many(&endings),
            "^expectation\\.": standings,
            "^feature\\.": reference("datum"),
            "^outcome\\.": count,
        },
        "additionalProperties": false,
    });
    let own = [
        ("events", one_or_many(&event)),
        ("until", reference("datum")),
        ("consent", reference("names")),
        ("decided", one_or_many(&record_with(scenario::DECIDED, scenario::DECIDED, &[("at", reference("datum"))]))),
        ("expect", expect),
    ];
    record_with(scenario::SCENARIO, &["name", "events", "expect"], &own)
}

#[cfg(test)]
mod tests;
