//! A request that was sent before, made ready to be signed once more.

use serde_json::{Map, Value};
use turnkey_core::Fault;

use crate::query::{append, decode};
use crate::text::quoted;

/// `query` without its signature, with `at` for the time of signing and what `set` says for the
/// parameters that it names. What is not named stays as it was spelt, where it was; what was not
/// there comes at the end.
///
/// # Errors
/// `query_malformed` where a name is not percent-encoded UTF-8.
pub(crate) fn changed(
    query: &str,
    at: (&str, String),
    set: &[(String, String)],
) -> Result<String, Fault> {
    let (name, value) = at;
    let mut set = [vec![(name.to_owned(), value)], set.to_vec()].concat();
    let mut seen = Vec::new();
    // What is said last counts.
    set.reverse();
    set.retain(|(name, _)| {
        let is_first = !seen.contains(name);
        seen.push(name.clone());
        is_first
    });
    set.reverse();
    let mut changed = String::new();
    for segment in query.split('&').filter(|segment| !segment.is_empty()) {
        let (spelt, _) = segment.split_once('=').unwrap_or((segment, ""));
        let name = decode(spelt).map_err(|rule| {
            let message = format!("parameter {}: {rule}", quoted(spelt));
            Fault::malformed("query_malformed", message)
        })?;
        if let Some(place) = set.iter().position(|(set, _)| *set == name) {
            let (name, value) = set.remove(place);
            append(&mut changed, &name, &value);
        } else if name != "signature" {
            if !changed.is_empty() {
                changed.push('&');
            }
            changed.push_str(segment);
        }
    }
    for (name, value) in set {
        append(&mut changed, &name, &value);
    }
    Ok(changed)
}

/// `query` with what `set` says for the parameters that it names.
///
/// # Errors
/// As [`changed`].
pub(crate) fn with(query: &str, set: &[(String, String)]) -> Result<String, Fault> {
    let mut set = set.to_vec();
    match set.pop() {
        Some((name, value)) => changed(query, (&name, value), &set),
        None => Ok(query.to_owned()),
    }
}

/// Puts `value` at `path`, whose parts stand between dots, among `members`; objects on the way are
/// made where there are none. A text stays a text, anything else is JSON where it can be.
///
/// # Errors
/// `parameter_malformed` where the path leads through something that has no members.
pub(crate) fn put(members: &mut Map<String, Value>, path: &str, value: &str) -> Result<(), Fault> {
    if let Some((head, rest)) = path.split_once('.') {
        let within = members
            .entry(head)
            .or_insert_with(|| Value::Object(Map::new()));
        return match within {
            Value::Object(members) => put(members, rest, value),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {
                let message = format!("{} has no members to set", quoted(head));
                Err(Fault::malformed("parameter_malformed", message))
            }
        };
    }
    let text = || Value::String(value.to_owned());
    let value = match members.get(path) {
        Some(Value::String(_)) => text(),
        Some(_) | None => serde_json::from_str(value).unwrap_or_else(|_| text()),
    };
    members.insert(path.to_owned(), value);
    Ok(())
}
