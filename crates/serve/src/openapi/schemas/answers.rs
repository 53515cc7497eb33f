//! What is answered of a customer and of a decision, member by member.

use serde_json::{Map, Value, json};

fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn text_or_null(about: &str) -> Value {
    json!({"type": ["string", "null"], "description": about})
}

fn number(about: &str) -> Value {
    json!({"type": "number", "description": about})
}

fn count(about: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": about})
}

fn truth(about: &str) -> Value {
    json!({"type": "boolean", "description": about})
}

fn one_of(names: &[&str], about: &str) -> Value {
    json!({"enum": names, "description": about})
}

fn list(items: &Value, about: &str) -> Value {
    json!({"type": "array", "items": items, "description": about})
}

/// An object that has all of these members.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let required = json!(required);
    let properties: Map<String, Value> = members.into_iter().map(|(name, form)| (name.to_owned(), form)).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn or_null(mut form: Value) -> Value {
    form["type"] = json!(["object", "null"]);
    form
}

fn numbered() -> (&'static str, Value) {
    ("customer", json!({"type": "integer", "description": "Its number, of live state: views and SQL have others."}))
}

pub(super) fn decision() -> Value {
    object([
        numbered(),
        ("at", text("When.")),
        ("occasion", text("What gave rise to it, as a number.")),
        ("action", text_or_null("What to do; null for nothing.")),
        (
            "withheld",
            text_or_null("What would have been the best, for customers of `none_share`, for whom nothing is done."),
        ),
        ("handling", one_of(&["script", "person"], "Who should: a person where the stakes are high.")),
        ("arm", one_of(&["best", "random", "none"], "By what rule it is chosen for this customer.")),
        ("explored", truth("Whether it was drawn by lot.")),
        ("repeated", truth("Whether this was decided before, for this occasion.")),
        ("asked", truth("Whether somebody asked; otherwise an event or time gave rise to it.")),
        ("delivered_to", text_or_null("The target to which it goes.")),
        ("none_probability", number("How probable it was that nothing would be chosen.")),
        ("again_at", text_or_null("When it is worth asking again, because what kept an action out is over then.")),
        ("charter", text("The hash of the charter.")),
        ("actions", list(&considered(), "All actions, in the order of the charter.")),
    ])
}

/// A decision with what was known when it was made, and what followed.
pub(super) fn evaluated() -> Value {
    let outcome = object([
        ("came_at", text_or_null("When it came first; null where it has not.")),
        ("until", text("Until when it counts.")),
        ("over", truth("Whether that is known for good: it came, or its time is over.")),
    ]);
    let known = json!({"type": "object", "description": "What was known of the customer, by the words of conditions."});
    let besides = object([
        ("position", count("Where it stands in the log.")),
        ("known", known),
        ("outcomes", json!({"type": "object", "additionalProperties": outcome, "description": "By outcome."})),
    ]);
    json!({"allOf": [{"$ref": "#/components/schemas/Decision"}, besides]})
}

pub(super) fn model() -> Value {
    let calibration = || {
        object([
            ("n", count("How many predictions.")),
            ("predicted_share", number("Their mean; each was made before its outcome was known.")),
            ("came", count("How often it came.")),
            ("observed_share", number("The same as a share.")),
            ("observed_share_low", number("The lower end of its 95 % interval.")),
            ("observed_share_high", number("The upper end.")),
        ])
    };
    object([
        ("action", text("The action.")),
        ("outcome", text("The outcome from which its propensity is learnt.")),
        ("lessons", count("From how many decisions it was learnt, each once the time of its outcome was over.")),
        ("calibration", or_null(calibration())),
        ("deciles", list(&calibration(), "By the height of the predictions, in about ten groups, the lowest first.")),
    ])
}

fn considered() -> Value {
    let mut fell_out = one_of(
        &["condition", "consent", "cap", "shared_cap", "quiet", "control", "outranked"],
        "Where it fell out; null for the one that was chosen.",
    );
    fell_out["enum"].as_array_mut().expect("the names are a list").push(Value::Null);
    object([
        ("action", text("The action.")),
        ("fell_out", fell_out),
        ("until", text_or_null("When what kept it out is over, where that is a matter of time.")),
        ("value", number("What it is worth when it brings what it is for.")),
        ("propensity", number("How probable that is.")),
        ("context_weight", number("How the situation weighs.")),
        ("lever", number("How the organisation favours it.")),
        ("score", number("The product of the four.")),
        ("probability", number("How probable it was that this one would be chosen.")),
    ])
}

pub(super) fn customer() -> Value {
    let stage = object([("stage", text("The stage.")), ("since", text("Since when."))]);
    let withheld = truth("Whether it was withheld, because nothing is done for this customer.");
    let decided = object([("action", text("The action.")), ("at", text("When.")), ("withheld", withheld)]);
    let bound = object([("what", text("What is concerned, such as `feature.NAME`.")), ("most", count("The bound."))]);
    let features =
        json!({"type": "object", "description": "Its features, by name; of the kind `since`, in microseconds."});
    object([
        numbered(),
        ("keys", list(&key(), "What names it.")),
        ("links", list(&link(), "Which keys came together.")),
        ("stage", or_null(stage)),
        ("events", count("Events that are moments.")),
        ("journeys", list(&journeys(), "How its journeys stand.")),
        ("interactions", list(&interactions(), "How its interactions stand.")),
        ("expectations", list(&expectations(), "How its expectations stand.")),
        ("features", features),
        ("consents", list(&consent(), "The latest word on each purpose.")),
        ("decided", list(&decided, "Actions that still count, for caps or for learning.")),
        ("wakes_at", text_or_null("When it is looked at again by itself.")),
        ("bounds", list(&bound, "What there was no room for, and so is of the latest alone.")),
        ("timeline", list(&happened(), "The latest of what happened, the newest last.")),
    ])
}

fn key() -> Value {
    object([("kind", text("Its kind.")), ("value", text("Its value."))])
}

fn link() -> Value {
    object([
        ("from", key()),
        ("to", key()),
        ("at", text_or_null("When it was first seen, or taken back; not known of what a person said.")),
        ("said", truth("Whether a person said it; otherwise two keys came together.")),
        ("undone", truth("Whether it was taken back.")),
    ])
}

fn journeys() -> Value {
    object([
        ("journey", text("The kind.")),
        ("open_since", text_or_null("When the open one began.")),
        ("succeeded", count("How many reached their goal.")),
        ("abandoned", count("How many were silent for too long.")),
    ])
}

fn interactions() -> Value {
    object([
        ("interaction", text("The kind.")),
        ("open", count("How many go on.")),
        ("resolved", count("How many were resolved.")),
        ("abandoned", count("How many were silent for too long.")),
    ])
}

fn expectations() -> Value {
    object([
        ("expectation", text("The expectation.")),
        ("pending", count("Promises that may still be kept.")),
        ("kept", count("Promises that were kept.")),
        ("unbroken", count("Of these, how many had been told to be broken before it became known.")),
        ("broken", count("Promises that fell due and were not kept.")),
        ("late", count("Of these, how many were fulfilled late.")),
        (
            "due",
            list(&json!({"type": "string"}), "Until when each of those that were not fulfilled is, or was, to be."),
        ),
    ])
}

fn consent() -> Value {
    object([("purpose", text("The purpose.")), ("granted", truth("Whether it may be done.")), ("at", text("When."))])
}

fn happened() -> Value {
    object([
        ("at", text("When.")),
        ("kind", one_of(&["event", "consent", "decision", "postponed"], "What kind of thing.")),
        (
            "what",
            json!({"type": ["object", "null"], "description": "The message, the consent, the decision, or until when which action was kept out."}),
        ),
    ])
}
