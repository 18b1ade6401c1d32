//! What the SDKs put into bodies and queries (jdcloud-openapi.md §2): JSON members of which `null`
//! is as good as absent, and lists that are flattened into a query.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use turnkey_core::limits::TEXT_BYTES_MAX;
use turnkey_core::storefront::{Comparison, Test, Tested};
use turnkey_core::{Fault, InstanceId};

use super::unique::{TWICE, Unique};
use crate::text::quoted;

/// Filters and sorts that one list may have, and values that one filter may have.
const LISTED_MAX: usize = 50;

/// The members of one object.
pub(crate) struct Members<'a>(&'a Map<String, Value>);

/// The fault of a member that is not what it must be.
pub(crate) fn malformed(name: &str, rule: &str) -> Fault {
    Fault::malformed("parameter_malformed", format!("{name} {rule}"))
}

/// The fault of a number beyond its range.
pub(crate) fn out_of_range(name: &str, least: i64, most: i64) -> Fault {
    let message = format!("{name} must be {least} to {most}");
    Fault::malformed("value_out_of_range", message)
}

fn missing(name: &str) -> Fault {
    Fault::malformed("parameter_missing", format!("{name} is missing"))
}

impl<'a> Members<'a> {
    pub(crate) fn of(object: &'a Map<String, Value>) -> Self {
        Self(object)
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() > TEXT_BYTES_MAX => {
                Err(malformed(name, "is too long"))
            }
            Some(Value::String(text)) if text.contains('\0') => {
                Err(malformed(name, "has a NUL character"))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(name, "must be a string")),
        }
    }

    /// A text that must be there and say something.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Fault> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| missing(name))
    }

    /// A JSON integer: a number in quotes is none, nor is one with a fraction.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Fault> {
        let not_one = || malformed(name, "must be an integer");
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(not_one),
        }
    }

    pub(crate) fn required_integer(&self, name: &str) -> Result<i64, Fault> {
        self.integer(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(is)) => Ok(Some(*is)),
            Some(_) => Err(malformed(name, "must be true or false")),
        }
    }

    pub(crate) fn required_boolean(&self, name: &str) -> Result<bool, Fault> {
        self.boolean(name)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Members<'a>>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Members(object))),
            Some(_) => Err(malformed(name, "must be an object")),
        }
    }

    pub(crate) fn required_object(&self, name: &str) -> Result<Members<'a>, Fault> {
        self.object(name)?.ok_or_else(|| missing(name))
    }
}

/// A body that is a JSON object of which no name is given twice; where it is empty, one without
/// members.
pub(crate) fn body(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Unique(Value::Object(members))) => Ok(members),
        Err(error) if error.to_string().starts_with(TWICE) => Err(Fault::malformed(
            "parameter_repeated",
            "the body gives a parameter twice",
        )),
        Ok(_) | Err(_) => {
            let rule = "the body must be a JSON object";
            Err(Fault::malformed("body_malformed", rule))
        }
    }
}

/// The parameters of a query, decoded; of one that is given twice the first (§2: Node repeats some).
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads the canonical form, in which nothing but UTF-8 can be malformed.
    pub(crate) fn read(canonical: &str) -> Result<Self, Fault> {
        let decoded = |text: &str| -> Result<String, Fault> {
            let bytes: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
            String::from_utf8(bytes)
                .map_err(|_| Fault::malformed("query_malformed", "the query is not UTF-8"))
        };
        let mut all = BTreeMap::new();
        for piece in canonical.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            all.entry(decoded(name)?).or_insert(decoded(value)?);
        }
        Ok(Self(all))
    }

    /// A parameter that says something: an empty one is absent (§2: PHP's empty lists).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.get(name).ok_or_else(|| missing(name))
    }

    /// A number within a range, or what it is when it is not said.
    pub(crate) fn number(
        &self,
        name: &str,
        least: i64,
        most: i64,
        else_: i64,
    ) -> Result<i64, Fault> {
        let Some(text) = self.get(name) else {
            return Ok(else_);
        };
        let number: i64 = text
            .parse()
            .map_err(|_| malformed(name, "must be an integer"))?;
        if (least..=most).contains(&number) {
            Ok(number)
        } else {
            Err(out_of_range(name, least, most))
        }
    }

    /// The members of the list called `name`, by index: `name.1.member`, `name.2.values.1` (§2.1).
    /// Neither their order nor gaps between the indices mean anything.
    fn list(&self, name: &str) -> Result<Vec<BTreeMap<&str, &str>>, Fault> {
        let mut all: BTreeMap<u32, BTreeMap<&str, &str>> = BTreeMap::new();
        for (full, value) in &self.0 {
            let Some(rest) = full.strip_prefix(name).and_then(|r| r.strip_prefix('.')) else {
                continue;
            };
            let Some((index, member)) = rest.split_once('.') else {
                continue;
            };
            let index = index
                .parse()
                .map_err(|_| malformed(&quoted(full), "must have a number behind its name"))?;
            all.entry(index).or_default().insert(member, value);
        }
        if all.len() > LISTED_MAX {
            return Err(malformed(name, "has too many entries"));
        }
        Ok(all.into_values().collect())
    }

    /// The filters; `tested` says what each name looks at, and how an id is spelt here.
    pub(crate) fn filters(
        &self,
        tested: impl Fn(&str) -> Option<Tested>,
        id: impl Fn(&str) -> InstanceId,
    ) -> Result<Vec<Test>, Fault> {
        let mut tests = Vec::new();
        for filter in self.list("filters")? {
            let name = filter.get("name").copied().unwrap_or_default();
            let of = tested(name).ok_or_else(|| {
                malformed(
                    &format!("filter {}", quoted(name)),
                    "is not one of this list",
                )
            })?;
            let values = filter
                .iter()
                .filter(|(member, _)| member.starts_with("values."));
            let values: Vec<String> = values
                .map(|(_, value)| match of {
                    Tested::Id => id(value).as_str().to_owned(),
                    Tested::Word(_) => (*value).to_owned(),
                })
                .collect();
            if values.is_empty() || values.len() > LISTED_MAX {
                return Err(malformed(
                    &format!("filter {}", quoted(name)),
                    "must have values",
                ));
            }
            let operator = filter.get("operator").copied().unwrap_or("eq");
            let by = comparison(operator)
                .ok_or_else(|| malformed(&format!("operator {}", quoted(operator)), "is none"))?;
            tests.push(Test { of, by, values });
        }
        Ok(tests)
    }

    /// Whether the newest come first, as the only sort `createTime` says; `true` where nothing does.
    pub(crate) fn newest_first(&self) -> Result<bool, Fault> {
        let mut newest_first = true;
        for sort in self.list("sorts")?.into_iter().rev() {
            let name = sort.get("name").copied().unwrap_or_default();
            if name != "createTime" {
                let what = format!("sort {}", quoted(name));
                return Err(malformed(&what, "is not one of this list"));
            }
            newest_first = match sort.get("direction").copied() {
                Some("asc") | None => false,
                Some("desc") => true,
                Some(_) => return Err(malformed("direction", "must be asc or desc")),
            };
        }
        Ok(newest_first)
    }
}

fn comparison(operator: &str) -> Option<Comparison> {
    match operator {
        "eq" | "in" => Some(Comparison::Equals),
        "ne" => Some(Comparison::Differs),
        "like" => Some(Comparison::Contains),
        "lt" => Some(Comparison::Less),
        "le" => Some(Comparison::AtMost),
        "gt" => Some(Comparison::Greater),
        "ge" => Some(Comparison::AtLeast),
        _ => None,
    }
}
