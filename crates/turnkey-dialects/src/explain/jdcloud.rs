//! The doctor of JD Cloud's `OpenAPI`: `JDCLOUD2` and `JDCLOUD3` (openapi sheet §6).

use turnkey_core::{Fault, Key, UtcMillis};

use super::clock::Signed;
use super::digest::length_told;
use super::jdcloud_mistakes::knobs;
use super::jdcloud_recipe::{Recipe, Stated};
use super::{
    Case, Cause, Explain, Explanation, Finding, Mistake, Start, Tried, Verdict, all_mistakes,
    keys_left, search, tried_keys, with_mistakes,
};
use crate::{Request, jdcloud, moment};

/// HMAC-SHA256 in hexadecimal.
const SIGNATURE_CHARS: usize = 64;

/// For every dialect of that house.
pub(crate) static DOCTOR: JdCloud = JdCloud;

pub(crate) struct JdCloud;

impl JdCloud {
    /// What the server says, and whatever it says behind a time that is not now.
    fn refused(request: &Request<'_>, stated: Option<&Stated<'_>>, case: &Case<'_>) -> Vec<Fault> {
        let own = || case.keys.iter().filter(|key| is_own(key, stated));
        let keys: Vec<_> = own()
            .take(jdcloud::KEYS_MAX)
            .map(|key| Key::from(key.secret.clone()))
            .collect();
        let keys_of = |_: &str| (!keys.is_empty()).then_some(keys.as_slice());
        let at =
            |now: UtcMillis| jdcloud::authenticate(request, keys_of, case.clock_skew_ms, now).err();
        let Some(first) = at(case.now) else {
            return Vec::new();
        };
        let is_time = matches!(first.code, "timestamp_stale" | "timestamp_future");
        let signed_at = stated.and_then(|stated| moment::parse_basic(stated.date));
        let second = signed_at.filter(|_| is_time).and_then(at);
        [first].into_iter().chain(second).collect()
    }
}

/// Whether `key` is right for whom the request names.
fn is_own(key: &super::Candidate<'_>, stated: Option<&Stated<'_>>) -> bool {
    let named = stated.map(|stated| stated.access_key);
    key.is_own && key.access_key.is_none_or(|known| Some(known) == named)
}

/// What `fault` says, and more where it is about the time.
fn besides(fault: Fault, stated: Option<&Stated<'_>>, case: &Case<'_>) -> Vec<Finding> {
    match stated {
        Some(stated) if fault.code.starts_with("timestamp_") || fault.code == "date_malformed" => {
            let signed = Signed {
                name: "x-jdcloud-date",
                text: stated.date,
                at: moment::parse_basic(stated.date),
                spell: moment::spell_basic,
            };
            signed.told(fault, case)
        }
        Some(_) | None => vec![fault.into()],
    }
}

impl Explain for JdCloud {
    fn explain(&self, request: &Request<'_>, case: &Case<'_>) -> Explanation {
        let stated = Stated::of(request);
        let refused = Self::refused(request, stated.as_ref(), case);
        let is_other = |fault: &Fault| fault.code != "signature_wrong";
        let is_taken = !refused
            .iter()
            .any(|fault| !matches!(fault.code, "timestamp_stale" | "timestamp_future"));
        let mut explanation = Explanation {
            verdict: Verdict::Missing,
            received: None,
            expected: None,
            canonical: None,
            cause: None,
            tried: Tried::default(),
            also: refused
                .into_iter()
                .filter(is_other)
                .flat_map(|fault| besides(fault, stated.as_ref(), case))
                .collect(),
        };
        let Some(stated) = stated else {
            return explanation;
        };
        let unsent = |name: &&String| {
            let mut headers = request.headers.iter();
            !headers.any(|(known, _)| known == *name)
        };
        if let Some(name) = stated.names.iter().find(unsent) {
            explanation.also.push(Finding {
                code: "signed_header_absent",
                en: format!("SignedHeaders names {name:?}, which is not among the headers"),
                zh: Some(format!("SignedHeaders 里有 {name:?}，但请求头中没有它")),
            });
        }
        let starts: Vec<_> = tried_keys(case)
            .map(|(key, candidate)| Start {
                recipe: Recipe {
                    key,
                    ..Recipe::default()
                },
                stranger: (!is_own(candidate, Some(&stated))).then(|| candidate.label.to_owned()),
            })
            .collect();
        let made = |recipe: &Recipe| recipe.signature(request, &stated, case);
        let own = || starts.iter().filter(|start| start.stranger.is_none());
        explanation.canonical = Recipe::default().canonical(request, &stated);
        explanation.expected = own().next().and_then(|start| made(&start.recipe));
        if stated.signature.is_empty() {
            return explanation;
        }
        explanation.received = Some(stated.signature.to_owned());
        let fits = |recipe: &Recipe| made(recipe).is_some_and(|made| made == stated.signature);
        if let Some(good) = own().find(|start| fits(&start.recipe)) {
            explanation.verdict = Verdict::Good;
            explanation.expected = made(&good.recipe);
            return explanation;
        }
        explanation.verdict = if is_taken {
            Verdict::Accepted
        } else {
            Verdict::Wrong
        };
        // The body is not in the text, but digested for it. Where a listed header is absent there is
        // no text, but all that comes before it is looked for all the same.
        let headers = stated.names.iter();
        let headers = headers.map(|name| name.len() + request.header(name).map_or(0, str::len));
        let canonical = explanation.canonical.as_ref();
        let canonical = canonical.map_or_else(|| headers.sum(), String::len);
        let text_bytes = canonical.max(request.query.len()) + request.body.len();
        let (found, tried) = search(&starts, &knobs(), text_bytes, fits);
        explanation.tried = Tried {
            keys_left: keys_left(case),
            ..tried
        };
        if found.is_none() {
            let told = length_told(stated.signature, SIGNATURE_CHARS);
            explanation.also.extend(told);
        }
        explanation.cause = found.map(|found| {
            let signed = found.recipe.canonical(request, &stated);
            Cause {
                mistakes: found.mistakes,
                place: found.place,
                key: found.key,
                signed: signed.filter(|signed| Some(signed) != explanation.canonical.as_ref()),
            }
        });
        explanation
    }

    fn mistakes(&self) -> Vec<&'static Mistake> {
        all_mistakes(&knobs())
    }

    fn made(&self, request: &Request<'_>, case: &Case<'_>, codes: &[&str]) -> Option<String> {
        let recipe = with_mistakes(Recipe::default(), &knobs(), codes)?;
        recipe.signature(request, &Stated::of(request)?, case)
    }
}
