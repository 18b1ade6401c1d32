//! The signature doctor: why a signature does not match, and which known mistake makes it.
//!
//! ```text
//! a request ── as documented ── equal? done
//!           ├─ each known mistake ── equal? that one
//!           └─ each pair of them ─── equal? those two, else: none of so many
//! ```
//!
//! A dialect models a signer as a recipe with independent knobs, and a mistake turns one. Nothing
//! here goes to a caller: what is expected is as good as a signature, so that only whoever has the
//! key may see it. It is *not* where anything is let in: see [`crate::sign`].

mod clock;
pub(crate) mod digest;
pub(crate) mod jdcloud;
mod jdcloud_mistakes;
mod jdcloud_recipe;
pub(crate) mod qingcloud;
mod qingcloud_mistakes;
mod qingcloud_recipe;
mod right;
mod spelling;

use std::fmt;

use secrecy::SecretString;
use turnkey_core::{Fault, UtcMillis};

use crate::Request;

pub use right::Right;

/// How much text is made and digested at most, in bytes: the text that is signed, headers and all,
/// for each mistake, each pair of them and each key. It is a second's work, and leaves out nothing
/// of a call of 7 KB with one key; a real one has a few hundred bytes.
const WORK_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What one try costs besides the text.
const TRY_BYTES: usize = 256;

/// Most keys that are tried.
pub const KEYS_MAX: usize = 16;

/// The face that explains a signature.
pub trait Explain: Sync {
    /// Says what the request's signature should be, and what made it what it is.
    fn explain(&self, request: &Request<'_>, case: &Case<'_>) -> Explanation;

    /// The mistakes that it knows, in the order in which they are tried.
    fn mistakes(&self) -> Vec<&'static Mistake>;

    /// What a signer who makes the mistakes called `codes` would have sent as the signature of
    /// `request`, with the first key; `None` where nothing can be signed, or a code is unknown.
    fn made(&self, request: &Request<'_>, case: &Case<'_>, codes: &[&str]) -> Option<String>;
}

/// What there is to know besides the request.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The keys: those that are the listing's own, and others that may have been taken for them.
    pub keys: &'a [Candidate<'a>],
    /// The marketplace's code for the product, where it is known.
    pub product_code: Option<&'a str>,
    /// How far a signed time may be from `now`, in milliseconds.
    pub clock_skew_ms: u64,
    /// When the request came.
    pub now: UtcMillis,
    /// Whether a server saw it come, so that `now` is that server's time.
    pub at_server: bool,
}

/// A key that may have signed.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// What it is called among people; never any of it.
    pub label: &'a str,
    /// The access key that it belongs to, where the protocol has those and it is known.
    pub access_key: Option<&'a str>,
    /// The key.
    pub secret: &'a SecretString,
    /// Whether it is right here. One that is not is tried as a mistake.
    pub is_own: bool,
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({:?}, redacted)", self.label)
    }
}

/// One thing that signers are known to do wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A word that does not change.
    pub code: &'static str,
    /// What the signer did, and what it should have done.
    pub en: &'static str,
    /// 同上。
    pub zh: &'static str,
    /// How to do it right, in five languages.
    pub right: &'static Right,
}

/// How a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what the documentation asks for.
    Good,
    /// It is not what the documentation asks for, but Turnkey takes it all the same.
    Accepted,
    /// It is wrong.
    Wrong,
    /// There is one, but the query around it cannot be read; the first finding says why.
    Unreadable,
    /// There is none, or nothing that it could be compared with.
    Missing,
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Accepted => "accepted",
            Self::Wrong => "wrong",
            Self::Unreadable => "unreadable",
            Self::Missing => "missing",
        }
    }
}

/// What is to be said of a signature. Secret: `expected` is as good as a signature.
pub struct Explanation {
    /// How it stands.
    pub verdict: Verdict,
    /// What came.
    pub received: Option<String>,
    /// What should have come.
    pub expected: Option<String>,
    /// What this dialect signs.
    pub canonical: Option<String>,
    /// The mistakes that make what came, and nothing less.
    pub cause: Option<Cause>,
    /// How many mistakes and pairs of them were tried.
    pub tried: Tried,
    /// What else is wrong, whatever the signature.
    pub also: Vec<Finding>,
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Explanation({:?}, redacted)", self.verdict)
    }
}

/// What reproduces the received value, byte for byte.
pub struct Cause {
    /// The mistakes: one, or two.
    pub mistakes: Vec<&'static Mistake>,
    /// The place of the last one among the known mistakes, from 1.
    pub place: usize,
    /// Whose key it was, where that is the mistake.
    pub key: Option<String>,
    /// What was signed instead, where that is another text.
    pub signed: Option<String>,
}

/// How much was tried, and how much was not, since that is more than [`WORK_BYTES_MAX`] allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Known mistakes.
    pub mistakes: usize,
    /// Pairs of them.
    pub pairs: usize,
    /// Known mistakes that were not tried.
    pub mistakes_left: usize,
    /// Pairs of them that were not tried.
    pub pairs_left: usize,
    /// Keys that were not tried: those beyond [`KEYS_MAX`].
    pub keys_left: usize,
}

/// Something else that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The code: that of the fault where the call would be refused for it.
    pub code: &'static str,
    /// In English.
    pub en: String,
    /// 中文；没有时用代码的标题。
    pub zh: Option<String>,
}

impl From<Fault> for Finding {
    fn from(fault: Fault) -> Self {
        let en = match fault.note {
            Some(note) => format!("{}; {note}", fault.message),
            None => fault.message,
        };
        Self {
            code: fault.code,
            en,
            zh: None,
        }
    }
}

/// A mistake, and what it does to a recipe.
pub(crate) struct Knob<R: 'static> {
    mistake: Mistake,
    turn: fn(&mut R),
}

/// The only mistake that is no knob: it is a choice among the candidates.
static WRONG_KEY: Mistake = Mistake {
    code: "wrong_key",
    en: "the signer used another key than this listing's",
    zh: "签名方用的是另一个密钥，不是这个商品的",
    right: &right::KEY,
};

/// A recipe to begin with.
struct Start<R> {
    recipe: R,
    /// Whose key it is, where that is a mistake by itself.
    stranger: Option<String>,
}

/// What was found, and the recipe that does it.
struct Found<R> {
    mistakes: Vec<&'static Mistake>,
    place: usize,
    key: Option<String>,
    recipe: R,
}

/// The simplest recipe that `fits`, and how much was tried: each try makes `text_bytes`.
///
/// `starts` are right but for a stranger's key, which counts as one mistake.
fn search<R: Clone>(
    starts: &[Start<R>],
    knobs: &[&'static Knob<R>],
    text_bytes: usize,
    fits: impl Fn(&R) -> bool,
) -> (Option<Found<R>>, Tried) {
    let (own, foreign): (Vec<_>, Vec<_>) =
        starts.iter().partition(|start| start.stranger.is_none());
    let turned = |recipe: &R, knob: &Knob<R>| {
        let mut recipe = recipe.clone();
        (knob.turn)(&mut recipe);
        recipe
    };
    let count = knobs.len();
    let (mistakes, pairs) = (count + 1, count * (count + 1) / 2);
    let mut tried = Tried::default();
    let mut tries_left = WORK_BYTES_MAX / (text_bytes + TRY_BYTES);
    // Whether `tries` more are within bounds.
    let mut is_within = |tries: usize| {
        let rest = tries_left.checked_sub(tries);
        tries_left = rest.unwrap_or_default();
        rest.is_some()
    };
    let all = |pairs| Tried {
        mistakes,
        pairs,
        ..Tried::default()
    };
    let cut = |tried: Tried| Tried {
        mistakes_left: mistakes - tried.mistakes,
        pairs_left: pairs - tried.pairs,
        ..tried
    };
    for (place, knob) in (1..).zip(knobs.iter().copied()) {
        if !is_within(own.len()) {
            return (None, cut(tried));
        }
        tried.mistakes = place;
        for start in &own {
            let recipe = turned(&start.recipe, knob);
            if fits(&recipe) {
                let found = Found {
                    mistakes: vec![&knob.mistake],
                    place,
                    key: None,
                    recipe,
                };
                return (Some(found), all(0));
            }
        }
    }
    if !is_within(foreign.len()) {
        return (None, cut(tried));
    }
    tried.mistakes = mistakes;
    if let Some(start) = foreign.iter().find(|start| fits(&start.recipe)) {
        let found = Found {
            mistakes: vec![&WRONG_KEY],
            place: mistakes,
            key: start.stranger.clone(),
            recipe: start.recipe.clone(),
        };
        return (Some(found), all(0));
    }
    for (place, knob) in (1..).zip(knobs.iter().copied()) {
        if !is_within(foreign.len()) {
            return (None, cut(tried));
        }
        tried.pairs += 1;
        for start in &foreign {
            let recipe = turned(&start.recipe, knob);
            if fits(&recipe) {
                let found = Found {
                    mistakes: vec![&WRONG_KEY, &knob.mistake],
                    place,
                    key: start.stranger.clone(),
                    recipe,
                };
                return (Some(found), all(tried.pairs));
            }
        }
    }
    for (at, first) in knobs.iter().copied().enumerate() {
        for (place, second) in (1..).zip(knobs.iter().copied()).skip(at + 1) {
            if !is_within(own.len()) {
                return (None, cut(tried));
            }
            tried.pairs += 1;
            for start in &own {
                let recipe = turned(&turned(&start.recipe, first), second);
                if fits(&recipe) {
                    let found = Found {
                        mistakes: vec![&first.mistake, &second.mistake],
                        place,
                        key: None,
                        recipe,
                    };
                    return (Some(found), all(tried.pairs));
                }
            }
        }
    }
    (None, tried)
}

/// `recipe` with the mistakes called `codes`, in the order of the list.
fn with_mistakes<R: Clone>(mut recipe: R, knobs: &[&'static Knob<R>], codes: &[&str]) -> Option<R> {
    let known = |code: &&str| knobs.iter().any(|knob| knob.mistake.code == *code);
    if !codes.iter().all(known) {
        return None;
    }
    for knob in knobs {
        if codes.contains(&knob.mistake.code) {
            (knob.turn)(&mut recipe);
        }
    }
    Some(recipe)
}

fn all_mistakes<R>(knobs: &[&'static Knob<R>]) -> Vec<&'static Mistake> {
    let knobs = knobs.iter().copied().map(|knob| &knob.mistake);
    knobs.chain([&WRONG_KEY]).collect()
}

/// The keys that are tried: as many as [`KEYS_MAX`], none of them empty.
fn tried_keys<'c>(case: &'c Case<'_>) -> impl Iterator<Item = (usize, &'c Candidate<'c>)> {
    let keys = case.keys.iter().enumerate();
    keys.filter(|(_, key)| is_key(key)).take(KEYS_MAX)
}

/// How many keys are beyond those.
fn keys_left(case: &Case<'_>) -> usize {
    let keys = case.keys.iter().filter(|key| is_key(key));
    keys.count().saturating_sub(KEYS_MAX)
}

fn is_key(key: &Candidate<'_>) -> bool {
    !secrecy::ExposeSecret::expose_secret(key.secret).is_empty()
}
