//! The forms that several routes share.

mod answers;

use serde_json::{Value, json};

use crate::problem::Code;

pub(super) fn all() -> Value {
    let roles = json!({"type": "array", "items": {"enum": ["read", "decide", "ingest", "admin"]}, "minItems": 1});
    let text = || json!({"type": ["string", "null"]});
    json!({
        "Problem": problem(),
        "Message": message(),
        "Success": {
            "type": "object",
            "required": ["success"],
            "properties": {"success": {"const": true}, "decision": {"$ref": "#/components/schemas/Decision"}},
        },
        "Taken": taken(),
        "Decision": answers::decision(),
        "Customer": answers::customer(),
        "Model": answers::model(),
        "Evaluated": answers::evaluated(),
        "Backup": {
            "type": "object",
            "required": ["name", "folder", "whole", "live", "files", "bytes"],
            "properties": {
                "name": {"type": "string"},
                "folder": {"type": "string"},
                "whole": {"type": "boolean", "description": "Whether all of it is there."},
                "made_at": text(),
                "live": {"type": "boolean", "description": "Whether live state is in it."},
                "files": {"type": "integer", "minimum": 0},
                "bytes": {"type": "integer", "minimum": 0},
            },
        },
        "Key": {
            "type": "object",
            "required": ["id", "name", "roles", "made", "made_by"],
            "properties": {
                "id": {"type": "string"},
                "key": {"type": "string", "description": "The key itself, shown once, when it is made."},
                "name": {"type": "string"},
                "roles": roles,
                "source": text(),
                "origins": {"type": "array", "items": {"type": "string"}},
                "per_second": {"type": ["integer", "null"]},
                "expires": text(),
                "made": {"type": "string"},
                "made_by": {"type": "string"},
            },
        },
        "NewKey": {
            "type": "object",
            "required": ["name", "roles"],
            "additionalProperties": false,
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 200},
                "roles": roles,
                "source": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
                "origins": {"type": "array", "items": {"type": "string"}, "maxItems": 100},
                "per_second": {"type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX},
                "expires_us": {"type": ["integer", "null"], "description": "When it ends, in microseconds since 1970."},
            },
        },
    })
}

fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    json!({
        "type": "object",
        "description": "RFC 9457, with the members that client libraries look for.",
        "required": ["type", "title", "status", "detail", "success", "code", "message"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "success": {"const": false},
            "code": {"enum": codes},
            "message": {"type": "string"},
        },
    })
}

fn message() -> Value {
    let id = || json!({"type": ["string", "integer", "null"]});
    let object = || json!({"type": ["object", "null"]});
    json!({
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "messageId": id(),
            "userId": id(),
            "anonymousId": id(),
            "previousId": id(),
            "groupId": id(),
            "event": {"type": "string"},
            "name": {"type": ["string", "null"]},
            "category": {"type": ["string", "null"]},
            "properties": object(),
            "traits": object(),
            "context": object(),
            "integrations": object(),
            "timestamp": {"type": ["string", "number", "null"]},
            "originalTimestamp": {"type": ["string", "number", "null"]},
            "sentAt": {"type": ["string", "number", "null"]},
            "writeKey": {"type": "string"},
        },
    })
}

fn taken() -> Value {
    json!({
        "type": "object",
        "required": ["success", "accepted", "rejected", "errors"],
        "properties": {
            "success": {"const": true},
            "accepted": {"type": "integer", "minimum": 0},
            "rejected": {"type": "integer", "minimum": 0},
            "errors": {"type": "array", "items": {
                "type": "object",
                "required": ["index", "messageId", "code", "reason", "message"],
                "properties": {
                    "index": {"type": "integer"},
                    "messageId": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                    "reason": {"type": "string"},
                    "message": {"type": "string"},
                },
            }},
        },
    })
}
