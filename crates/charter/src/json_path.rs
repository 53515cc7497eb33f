//! One member of a JSON object, without building the rest of it.

use std::borrow::Cow;
use std::fmt;

use event::Value;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::condition::Answer;

/// What lies at this path of a JSON object; NULL where there is nothing, or an object or array.
pub fn json_path<'a>(json: Option<&'a str>, path: &[String]) -> Answer<'a> {
    let found = json.and_then(|json| Find(path).deserialize(&mut serde_json::Deserializer::from_str(json)).ok());
    found.unwrap_or(Answer::Value(Value::Null))
}

/// Looks for the value at the rest of a path.
struct Find<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Answer<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A key of an object, compared where it stands.
struct IsKey<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let key: Cow<'de, str> = serde::Deserialize::deserialize(deserializer)?;
        Ok(key == self.0)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Answer<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Answer::Value(Value::Null);
        let Some((first, rest)) = self.0.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(found);
        };
        while let Some(is_it) = map.next_key_seed(IsKey(first))? {
            if is_it {
                found = map.next_value_seed(Find(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Answer::Value(Value::Null))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Answer::Value(if self.0.is_empty() { Value::Text(text) } else { Value::Null }))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if self.0.is_empty() { Answer::Owned(text.to_owned()) } else { Answer::Value(Value::Null) })
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Answer::Value(if self.0.is_empty() { Value::Bool(truth) } else { Value::Null }))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Answer::Value(if self.0.is_empty() { Value::Int(number) } else { Value::Null }))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        let value = i64::try_from(number).map_or(Value::Float(number as f64), Value::Int);
        Ok(Answer::Value(if self.0.is_empty() { value } else { Value::Null }))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Answer::Value(if self.0.is_empty() { Value::Float(number) } else { Value::Null }))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Answer::Value(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(json: &'static str, path: &str) -> Answer<'static> {
        json_path(Some(json), &path.split('.').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn members_are_found_by_path() {
        let json = r#"{"a":[1,{"b":2}],"b":{"c":"x\ny","d":1.5,"e":{}},"f":-3,"g":null,"h":true}"#;
        assert_eq!(at(json, "b.d"), Value::Float(1.5).into());
        assert_eq!(at(json, "b.c"), Answer::Owned("x\ny".into()));
        assert_eq!(at(json, "f"), Value::Int(-3).into());
        assert_eq!(at(json, "h"), Value::Bool(true).into());
        for nothing in ["a", "a.b", "b", "b.e", "g", "x", "f.x", "b.c.d"] {
            assert_eq!(at(json, nothing), Value::Null.into(), "{nothing}");
        }
        assert_eq!(at("{\"a\":", "a"), Value::Null.into());
        assert_eq!(json_path(None, &[]), Value::Null.into());
    }
}
