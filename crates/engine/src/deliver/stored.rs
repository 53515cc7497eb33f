//! A target as it is kept: the record `target/NAME`.

use keep::{Record, Version};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::error::Error;
use super::secret::Secret;
use super::target::{Hold, Holder, Signing, Target};

/// The names of the records begin so.
pub(super) const PREFIX: &str = "target/";

/// The format that is written.
const FORMAT: u32 = 1;

/// A target, and which writing of its record it is.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) target: Target,
    pub(super) version: Version,
}

#[derive(Serialize, Deserialize)]
struct StoredTarget {
    v: u32,
    url: String,
    secrets: Vec<StoredSecret>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    hold: Option<StoredHold>,
    #[serde(default)]
    failing_since_us: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredSecret {
    secret: String,
    #[serde(default)]
    until_us: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StoredHold {
    by: StoredHolder,
    since_us: i64,
    why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredHolder {
    Person,
    Gone,
    Failing,
}

/// Reads all there is, without the format: what a newer program wrote may have anything else.
#[derive(Deserialize)]
struct Format {
    v: u32,
}

pub(super) fn record_name(target: &str) -> String {
    format!("{PREFIX}{target}")
}

pub(super) fn encode(target: &Target) -> Vec<u8> {
    let secret = |signing: &Signing| StoredSecret { secret: signing.secret.reveal(), until_us: signing.until_us };
    let stored = StoredTarget {
        v: FORMAT,
        url: target.url.to_string(),
        secrets: target.secrets.iter().map(secret).collect(),
        allow: target.allow.iter().map(ToString::to_string).collect(),
        hold: target.hold.as_ref().map(|hold| StoredHold {
            by: match hold.by {
                Holder::Person => StoredHolder::Person,
                Holder::Gone => StoredHolder::Gone,
                Holder::Failing => StoredHolder::Failing,
            },
            since_us: hold.since_us,
            why: hold.why.clone(),
        }),
        failing_since_us: target.failing_since_us,
    };
    serde_json::to_vec(&stored).expect("texts and numbers are written to memory")
}

pub(super) fn decode(record: &Record) -> Result<Known, Error> {
    let name = record.name.strip_prefix(PREFIX).unwrap_or(&record.name).to_owned();
    match read(&name, &record.bytes) {
        Ok(target) => Ok(Known { target, version: record.version }),
        Err(what) => Err(Error::Unreadable { name, what }),
    }
}

fn read(name: &str, bytes: &[u8]) -> Result<Target, String> {
    let format: Format = serde_json::from_slice(bytes).map_err(|problem| problem.to_string())?;
    if format.v > FORMAT {
        return Err(format!("it has format {}, this program knows up to {FORMAT}", format.v));
    }
    let stored: StoredTarget = serde_json::from_slice(bytes).map_err(|problem| problem.to_string())?;
    let signing = |stored: StoredSecret| {
        let secret = Secret::parse(&stored.secret).map_err(|problem| problem.to_string())?;
        Ok(Signing { secret, until_us: stored.until_us })
    };
    let hold = |stored: StoredHold| Hold {
        by: match stored.by {
            StoredHolder::Person => Holder::Person,
            StoredHolder::Gone => Holder::Gone,
            StoredHolder::Failing => Holder::Failing,
        },
        since_us: stored.since_us,
        why: stored.why,
    };
    Ok(Target {
        name: name.to_owned(),
        url: Url::parse(&stored.url).map_err(|problem| problem.to_string())?,
        secrets: stored.secrets.into_iter().map(signing).collect::<Result<_, String>>()?,
        allow: stored
            .allow
            .iter()
            .map(|text| Host::parse(text))
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?,
        hold: stored.hold.map(hold),
        failing_since_us: stored.failing_since_us,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail anywhere")]
mod tests {
    use super::*;

    /// As the first version wrote it.
    const V1: &str = r#"{"v":1,"url":"https://crm.example/hook?t=1","secrets":[{"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","until_us":null},{"secret":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD","until_us":7}],"allow":["crm.example","10.0.0.7","[fd00::1]"],"hold":{"by":"gone","since_us":5,"why":"answered 410"},"failing_since_us":3}"#;

    fn record(text: &str) -> Record {
        Record { name: "target/crm".to_owned(), version: Version(9), bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn what_the_first_version_wrote_is_read_and_written_alike() {
        let known = decode(&record(V1)).unwrap();
        assert_eq!((known.target.name.as_str(), known.version), ("crm", Version(9)));
        assert_eq!(known.target.allow.len(), 3);
        assert_eq!(String::from_utf8(encode(&known.target)).unwrap(), V1);
        assert!(!format!("{known:?}").contains("whsec_"), "secrets are not shown");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let newer = decode(&record(r#"{"v":2,"url":{}}"#)).unwrap_err().to_string();
        assert_eq!(
            newer,
            "what is kept of target `crm` cannot be read (it has format 2, this program knows up to 1): put it again"
        );
        for text in [
            "",
            "{}",
            r#"{"v":1,"url":"nothing","secrets":[]}"#,
            r#"{"v":1,"url":"http://a","secrets":[{"secret":""}]}"#,
        ] {
            assert!(decode(&record(text)).is_err(), "{text}");
        }
    }
}
