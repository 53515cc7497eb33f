//! What to do for a customer next, asked by somebody who waits for the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::response::Response;
use engine::{Ask, Inbox, Occasion};
use listen::Stop;
use listen::intake::{Accepted, Body, Endpoint, Receiver, Rejected};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::intake;
use super::{Call, Route, written};
use crate::access::Access;
use crate::keys::Role;
use crate::problem::{Code, Problem};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    /// What names the customer, by kind; where there are none, those of the event do.
    #[serde(default)]
    keys: BTreeMap<String, String>,
    /// What gives rise to the question: an action that was chosen for it is answered again.
    #[serde(default)]
    occasion: Option<String>,
    /// Something that happened just now, taken in before it is decided.
    #[serde(default)]
    event: Option<Box<RawValue>>,
}

pub(super) fn routes() -> Vec<Route> {
    let question = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "keys": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "What names the customer, by kind: {\"user_id\": \"42\"}.",
            },
            "occasion": {
                "type": ["string", "null"],
                "description": "What gives rise to the question: an action that was chosen for it is answered again; where \
                                nothing could be chosen, it is decided anew.",
            },
            "event": {
                "anyOf": [{"$ref": "#/components/schemas/Message"}, {"type": "null"}],
                "description": "Something that happened just now, taken in before it is decided. Needs the role `ingest`, too.",
            },
        },
    });
    let about = "Decides what to do for a customer now, and keeps the decision.";
    vec![
        Route::post("/api/v1/decide", Access::Role(Role::Decide), about, |call| Box::pin(decide(call)))
            .takes("application/json", question)
            .answers(200, "application/json", json!({"$ref": "#/components/schemas/Decision"})),
    ]
}

async fn decide(mut call: Call) -> Result<Response, Problem> {
    let began = Instant::now();
    let Question { keys, occasion, event } = call.json()?;
    let mut ask = Ask { keys: keys.into_iter().collect(), occasion: occasion.map(Occasion::Named) };
    if let Some(event) = event {
        call = Box::pin(take(call, event, &mut ask)).await?;
    }
    if ask.keys.is_empty() {
        return Err(Problem::invalid("`keys` names nobody: {\"keys\": {\"user_id\": \"42\"}}"));
    }
    Ok(written(decided(&call, ask, began).await?))
}

/// The answer to a question that came at a time, as JSON.
pub(super) async fn decided(call: &Call, ask: Ask, began: Instant) -> Result<String, Problem> {
    let decided = call.app.engine.decide(ask).await?;
    call.app.metrics.decision.observe(began.elapsed());
    Ok(decided.json)
}

/// Takes in what happened; the question is about its customer and its occasion, unless it says otherwise.
async fn take(call: Call, event: Box<RawValue>, ask: &mut Ask) -> Result<Call, Problem> {
    let key = call.key.clone().filter(|key| key.may(Role::Ingest));
    let key = key.ok_or_else(|| Problem::new(Code::NotAllowed, "`event` needs a key with the role `ingest`, too"))?;
    let about = Noted::default();
    let noted = about.clone();
    let read = move |call: &mut Call, inbox: &mut Inbox<'_>| {
        let text = format!("{{\"batch\":[{}]}}", event.get());
        let received = intake::received(call, &key, inbox);
        let mut noting = noted.on(inbox);
        Body::parse(text.as_bytes(), Endpoint::Batch)?.read(&received, &mut noting).map_err(intake::stopped)
    };
    let (call, took) = intake::take(call, Box::new(read)).await?;
    intake::single(&took)?;
    let about = about.ask();
    if ask.keys.is_empty() {
        ask.keys = about.keys;
    }
    ask.occasion = ask.occasion.take().or(about.occasion);
    Ok(call)
}

/// Whose an event is, and which, as a question about it says.
#[derive(Debug, Clone, Default)]
pub(super) struct Noted(Arc<Mutex<Ask>>);

impl Noted {
    /// Takes note of an event on its way in.
    pub(super) fn on<'n, 'e>(&'n self, inbox: &'n mut Inbox<'e>) -> Noting<'n, 'e> {
        Noting { inbox, noted: self }
    }

    /// The question what to do after it.
    pub(super) fn ask(&self) -> Ask {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// See [`Noted::on`].
pub(super) struct Noting<'n, 'e> {
    inbox: &'n mut Inbox<'e>,
    noted: &'n Noted,
}

impl Receiver for Noting<'_, '_> {
    fn accepted(&mut self, accepted: &Accepted<'_>) -> Result<(), Stop> {
        self.inbox.accepted(accepted)?;
        let keys = accepted.keys.iter().map(|key| (key.kind.to_owned(), key.value.to_owned())).collect();
        let ask = Ask { keys, occasion: self.inbox.occasion() };
        *self.noted.0.lock().unwrap_or_else(PoisonError::into_inner) = ask;
        Ok(())
    }

    fn rejected(&mut self, rejected: &Rejected<'_>) -> Result<(), Stop> {
        self.inbox.rejected(rejected)
    }

    fn new_id(&mut self) -> String {
        self.inbox.new_id()
    }
}
