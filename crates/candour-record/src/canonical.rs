//! Canonical JSON: the one encoding of a record, chosen so that an auditor can read it and any
//! two writers produce the same bytes.
//!
//! UTF-8; object keys sorted by code point; no insignificant white space; integers only (within
//! `i64`; a real number is a decimal string, see [`crate::Real`]); no duplicate keys; no `null`;
//! strings escaped minimally: `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`, and `\u00xx` in lower case
//! for the other characters below U+0020. Python's
//! `json.dumps(v, ensure_ascii=False, sort_keys=True, separators=(",", ":"))` prints the same.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// A canonical JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A string.
    Text(String),
    /// An array, in its given order.
    Array(Vec<Value>),
    /// An object; its keys are sorted by code point because `str` orders by UTF-8 bytes.
    Object(BTreeMap<String, Value>),
}

/// Why bytes are not canonical JSON, or a value has no canonical form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CanonicalError {
    /// The bytes are not JSON of the permitted kind.
    #[error("not canonical JSON: {0}")]
    Malformed(String),
    /// The bytes are JSON, but another writer's: the canonical form differs at this byte offset.
    #[error("byte {0}: differs from the canonical form of the same value; print it canonically")]
    NotCanonical(usize),
    /// A value contains what canonical JSON cannot hold: a null, a float, an integer beyond `i64`.
    #[error("no canonical form: {0}")]
    Unsupported(String),
}

/// Parses canonical bytes; anything not byte-for-byte canonical is refused.
///
/// # Errors
/// [`CanonicalError::Malformed`] when the bytes are not JSON of the permitted kind,
/// [`CanonicalError::NotCanonical`] when they are, but not in canonical form.
pub fn parse(bytes: &[u8]) -> Result<Value, CanonicalError> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|e| CanonicalError::Malformed(e.to_string()))?;
    let printed = print(&value);
    if printed == bytes {
        return Ok(value);
    }
    let at = printed
        .iter()
        .zip(bytes)
        .take_while(|(a, b)| a == b)
        .count();
    Err(CanonicalError::NotCanonical(at))
}

/// Prints the canonical bytes of a value.
#[must_use]
pub fn print(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_value(value, &mut out);
    out.into_bytes()
}

/// The canonical value of anything serialisable.
///
/// # Errors
/// [`CanonicalError::Unsupported`] for nulls, floats and integers beyond `i64`.
pub fn to_value<T: Serialize>(item: &T) -> Result<Value, CanonicalError> {
    let json =
        serde_json::to_value(item).map_err(|e| CanonicalError::Unsupported(e.to_string()))?;
    from_json(json)
}

/// Reads a typed item back from a canonical value.
///
/// # Errors
/// [`CanonicalError::Malformed`] when the value does not have the item's shape.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, CanonicalError> {
    serde_json::from_value(to_json(value)).map_err(|e| CanonicalError::Malformed(e.to_string()))
}

impl Value {
    /// The member `key` of an object, if this is one and has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.get(key),
            _ => None,
        }
    }

    /// The text of a string value.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer of an integer value.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(n) => Some(*n),
            _ => None,
        }
    }

    /// The items of an array value.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Integer(n) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{n}");
        }
        Value::Text(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write_value(member, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn from_json(json: serde_json::Value) -> Result<Value, CanonicalError> {
    use serde_json::Value as J;
    Ok(match json {
        J::Null => {
            return Err(CanonicalError::Unsupported(
                "null; leave the member out".into(),
            ));
        }
        J::Bool(b) => Value::Bool(b),
        J::Number(n) => Value::Integer(n.as_i64().ok_or_else(|| {
            CanonicalError::Unsupported(format!("number {n}; use an integer within i64 or a Real"))
        })?),
        J::String(s) => Value::Text(s),
        J::Array(items) => {
            Value::Array(items.into_iter().map(from_json).collect::<Result<_, _>>()?)
        }
        J::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(k, v)| Ok((k, from_json(v)?)))
                .collect::<Result<_, CanonicalError>>()?,
        ),
    })
}

fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as J;
    match value {
        Value::Bool(b) => J::Bool(*b),
        Value::Integer(n) => J::Number((*n).into()),
        Value::Text(s) => J::String(s.clone()),
        Value::Array(items) => J::Array(items.iter().map(to_json).collect()),
        Value::Object(members) => J::Object(
            members
                .iter()
                .map(|(k, v)| (k.clone(), to_json(v)))
                .collect(),
        ),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, an integer, a string, an array or an object")
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Integer(v))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        i64::try_from(v)
            .map(Value::Integer)
            .map_err(|_| E::custom("an integer beyond 64 bits"))
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((key, member)) = map.next_entry::<String, Value>()? {
            if members.contains_key(&key) {
                return Err(de::Error::custom("a key stands twice in one object"));
            }
            members.insert(key, member);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    // Expected bytes: CPython 3.11 json.dumps(v, ensure_ascii=False, sort_keys=True,
    // separators=(",", ":")).
    #[test]
    fn agrees_with_the_named_python_call() {
        let value = Value::Object(BTreeMap::from([
            (
                "b".into(),
                Value::Array(vec![Value::Integer(-3), Value::Bool(true)]),
            ),
            (
                "a".into(),
                Value::Text("é\u{1}\"\\\n\u{7f}\u{1f600}".into()),
            ),
            ("\u{ffff}".into(), Value::Integer(0)),
            ("\u{10000}".into(), Value::Integer(i64::MIN)),
        ]));
        let expected = "{\"a\":\"é\\u0001\\\"\\\\\\n\u{7f}\u{1f600}\",\"b\":[-3,true],\"\u{ffff}\":0,\"\u{10000}\":-9223372036854775808}";
        assert_eq!(String::from_utf8(print(&value)).unwrap(), expected);
        assert_eq!(parse(expected.as_bytes()).unwrap(), value);
    }

    #[test]
    fn anything_not_canonical_is_refused() {
        for bytes in [
            &b" {}"[..],
            b"{} ",
            b"{\"b\":1,\"a\":2}",
            b"{\"a\":1,\"a\":1}",
            b"[1.0]",
            b"[1e3]",
            b"null",
            b"[null]",
            b"\"\\u0041\"",
            b"\"\\/\"",
            b"[01]",
            b"[-0]",
            b"{\"a\":1,}",
            b"",
            b"{",
            b"\"\xff\"",
            b"[9223372036854775808]",
            b"\"\\u000A\"",
            b"\"\\ud800\"",
            b"[1][2]",
        ] {
            assert!(
                parse(bytes).is_err(),
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let bytes = vec![b'['; 1_000_000];
        assert!(matches!(parse(&bytes), Err(CanonicalError::Malformed(_))));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            any::<String>().prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Value::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn parse_after_print_is_identity(value in any_value()) {
            prop_assert_eq!(parse(&print(&value)).unwrap(), value);
        }

        #[test]
        fn print_after_parse_is_identity_or_refusal(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = parse(&bytes) {
                prop_assert_eq!(print(&value), bytes);
            }
        }
    }
}
