//! What came back, as the marketplace would take it, and as a person may see it.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::check::Note;
use crate::watch::mask::without_secrets;

/// Longest body that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 1000;

/// Longest query that is shown, in characters.
const SENT_CHARS_MAX: usize = 1500;

/// One call and what came of it.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The answer, or why there is none.
    pub answer: Result<Answer, Silence>,
    /// How long it took.
    pub took: Duration,
    /// The same, fit to be shown.
    pub exchange: Exchange,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type, exactly as in the header; empty where there is none.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, redacted)", self.status)
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nobody listens, or not in TLS.
    Nobody,
    /// It did not come in time.
    Late,
    /// The connection broke off.
    Broken,
    /// It had no end.
    TooLong,
    /// We hung up ourselves.
    HungUp,
}

/// What was sent and what came back, without secrets, and not too long. Not yet escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The method, the address and the query, the signature masked.
    pub sent: String,
    /// The status; `None` where nothing came.
    pub status: Option<u16>,
    /// The media type.
    pub content_type: String,
    /// The body, with its passwords masked.
    pub body: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Heard {
    pub(super) fn new(
        sent: impl Into<String>,
        answer: Result<Answer, Silence>,
        took: Duration,
    ) -> Self {
        let (status, content_type, body) = match &answer {
            Ok(answer) => (
                Some(answer.status),
                answer.content_type.clone(),
                cut(&without_secrets(&answer.body), SHOWN_CHARS_MAX),
            ),
            Err(_) => (None, String::new(), String::new()),
        };
        let exchange = Exchange {
            sent: cut(&sent.into(), SENT_CHARS_MAX),
            status,
            content_type,
            body,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        Self {
            answer,
            took,
            exchange,
        }
    }

    /// The body, where it is a JSON object.
    pub fn json(&self) -> Option<Map<String, Value>> {
        let answer = self.answer.as_ref().ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// Whether the marketplace would take it for success, its media type aside: that is looked at by a
    /// check of its own.
    pub fn is_yes(&self) -> bool {
        let status = self.answer.as_ref().map(|answer| answer.status);
        let body = self.json();
        status == Ok(200)
            && body.is_some_and(|body| body.get("success") != Some(&Value::Bool(false)))
    }

    /// Whether it was sent, and its answer not waited for.
    pub fn is_hung_up(&self) -> bool {
        matches!(self.answer, Err(Silence::HungUp))
    }

    /// Whether it is an answer that says no, in whatever way.
    pub fn is_no(&self) -> bool {
        self.answer.is_ok() && !self.is_yes()
    }

    /// Whether it says no as one who understood does: not by a failure of the server's own.
    pub fn is_calm_no(&self) -> bool {
        let is_failure = |status: u16| status >= 500 && status != 503;
        let answer = self.answer.as_ref();
        self.is_no() && answer.is_ok_and(|answer| !is_failure(answer.status))
    }

    /// Whether it is any answer but a failure of the server's own.
    pub fn is_calm(&self) -> bool {
        self.is_yes() || self.is_calm_no()
    }

    /// The instance that it names, whatever form its id has, where it says yes.
    pub fn instance(&self) -> Option<String> {
        if !self.is_yes() {
            return None;
        }
        match self.json()?.get("instanceId")? {
            Value::String(id) => Some(id.clone()).filter(|id| !id.is_empty()),
            Value::Number(id) => Some(id.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// In a few words.
    pub fn in_short(&self) -> Note {
        match &self.answer {
            Ok(answer) => {
                let status = answer.status;
                match self.json().as_ref().and_then(|body| body.get("success")) {
                    Some(success) => Note::new(
                        format!("status {status}, success {success}"),
                        format!("状态码 {status}，success {success}"),
                    ),
                    None => Note::new(format!("status {status}"), format!("状态码 {status}")),
                }
            }
            Err(silence) => silence.words(),
        }
    }
}

impl Silence {
    /// What to call it.
    #[must_use]
    pub fn words(self) -> Note {
        let words = match self {
            Self::Nobody => ["nobody answers there", "没有人应答"],
            Self::Late => ["no answer came in time", "没有及时应答"],
            Self::Broken => [
                "the connection broke off without an answer",
                "连接中断，没有应答",
            ],
            Self::TooLong => ["the answer has no end", "应答太长"],
            Self::HungUp => [
                "the connection was closed before the answer",
                "应答之前已断开连接",
            ],
        };
        words.into()
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let kept: String = chars.by_ref().take(chars_max).collect();
    match chars.next() {
        Some(_) => kept + "…",
        None => kept,
    }
}
