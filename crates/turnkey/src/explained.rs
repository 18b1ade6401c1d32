//! What the signature doctor said, as `--json` and the admin API spell it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turnkey_dialects::explain::{Cause, Explanation, Finding};
use utoipa::ToSchema;

use crate::words::catalogue;

/// Why a signature is what it is. Secret: `expected` is as good as a signature.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct ExplanationView {
    /// Which protocol.
    pub dialect: String,
    /// `good`; `accepted` where it is not as documented but taken all the same; `wrong`;
    /// `unreadable` where the query around it cannot be read; `missing`.
    pub verdict: String,
    /// What came.
    pub received: Option<String>,
    /// What should have come.
    pub expected: Option<String>,
    /// What this dialect signs.
    pub canonical: Option<String>,
    /// What reproduces the received value, byte for byte.
    pub cause: Option<CauseView>,
    /// How many known mistakes were tried.
    pub mistakes_tried: usize,
    /// How many pairs of them were tried.
    pub pairs_tried: usize,
    /// How many known mistakes were not tried: the request is too long for all of them.
    pub mistakes_not_tried: usize,
    /// How many pairs were not tried, likewise.
    pub pairs_not_tried: usize,
    /// How many keys were not tried: those beyond the first 16.
    pub keys_not_tried: usize,
    /// What else is wrong, whatever the signature.
    pub also: Vec<FindingView>,
}

/// The mistakes that make the received value.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct CauseView {
    /// One, or two.
    pub mistakes: Vec<MistakeView>,
    /// The place of the last one among the known mistakes, from 1.
    pub place: usize,
    /// Whose key it was, where that is the mistake.
    pub key: Option<String>,
    /// What was signed instead, where that is another text.
    pub signed: Option<String>,
}

/// One known mistake.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct MistakeView {
    /// A word that does not change.
    pub code: String,
    /// In English.
    pub en: String,
    /// 中文。
    pub zh: String,
    /// The right call by language.
    pub right: BTreeMap<String, String>,
}

/// Something else that is wrong.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// A word that does not change.
    pub code: String,
    /// In English.
    pub en: String,
    /// 中文。
    pub zh: String,
}

impl ExplanationView {
    /// What `dialect` said.
    pub(crate) fn new(dialect: &str, said: Explanation) -> Self {
        Self {
            dialect: dialect.to_owned(),
            verdict: said.verdict.name().to_owned(),
            received: said.received,
            expected: said.expected,
            canonical: said.canonical,
            cause: said.cause.map(CauseView::from),
            mistakes_tried: said.tried.mistakes,
            pairs_tried: said.tried.pairs,
            mistakes_not_tried: said.tried.mistakes_left,
            pairs_not_tried: said.tried.pairs_left,
            keys_not_tried: said.tried.keys_left,
            also: said.also.into_iter().map(FindingView::from).collect(),
        }
    }
}

impl From<Cause> for CauseView {
    fn from(cause: Cause) -> Self {
        let mistakes = cause.mistakes.into_iter();
        let mistakes = mistakes.map(|mistake| MistakeView {
            code: mistake.code.to_owned(),
            en: mistake.en.to_owned(),
            zh: mistake.zh.to_owned(),
            right: mistake
                .right
                .calls()
                .iter()
                .map(|(language, call)| ((*language).to_owned(), (*call).to_owned()))
                .collect(),
        });
        Self {
            mistakes: mistakes.collect(),
            place: cause.place,
            key: cause.key,
            signed: cause.signed,
        }
    }
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let titled = || match catalogue::find(finding.code) {
            Some(row) => format!("{}：{}", row.zh, finding.en),
            None => finding.en.clone(),
        };
        Self {
            code: finding.code.to_owned(),
            zh: finding.zh.clone().unwrap_or_else(titled),
            en: finding.en,
        }
    }
}
