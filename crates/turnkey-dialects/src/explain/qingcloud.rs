//! The doctor of the `QingCloud` family: Market and AppCenter (sheets "Authentication").

use percent_encoding::percent_decode_str;
use turnkey_core::{Fault, UtcMillis};

use super::clock::Signed;
use super::digest::length_told;
use super::qingcloud_mistakes::knobs;
use super::qingcloud_recipe::{Coding, Recipe};
use super::{
    Case, Cause, Explain, Explanation, Finding, Mistake, Start, Tried, Verdict, all_mistakes,
    keys_left, search, tried_keys, with_mistakes,
};
use crate::query::{Parameter, Query};
use crate::text::quoted;
use crate::{Request, sign};

/// HMAC-SHA256 in base64.
const SIGNATURE_CHARS: usize = 44;

/// What the members of the family differ in.
pub(crate) struct Family {
    /// What may stand before the parameters; the first is documented.
    pub(crate) prefixes: &'static [&'static str],
    /// The parameter that holds the time.
    pub(crate) time: &'static str,
    /// Reads it.
    pub(crate) parse_time: fn(&str) -> Result<UtcMillis, Fault>,
    /// Writes it.
    pub(crate) spell_time: fn(UtcMillis) -> Option<String>,
    /// The same time in a form that some signers sign instead.
    pub(crate) other_time: fn(&str) -> Option<String>,
    /// The parameters that the documentation names.
    pub(crate) documented: &'static [&'static str],
    /// Those that are sent in base64.
    pub(crate) base64: &'static [&'static str],
    /// The one that names the product.
    pub(crate) product_code: &'static str,
    /// The header that repeats the signature.
    pub(crate) header: Option<&'static str>,
}

/// What can be compared.
struct Received<'r> {
    parameters: Vec<Parameter<'r>>,
    signature: Option<String>,
    also: Vec<Finding>,
}

impl Family {
    fn received<'r>(&self, request: &Request<'r>) -> Result<Received<'r>, Fault> {
        let parameters = Parameter::all(request.query)?;
        let query = Query::parse(request.query)?;
        let in_query = query.get("signature").filter(|text| !text.is_empty());
        let in_header = self.header.and_then(|name| request.header(name));
        let mut also = Vec::new();
        if let (Some(one), Some(other)) = (in_query, in_header)
            && one != other
        {
            also.push(Finding {
                code: "signatures_differ",
                en: "the header app_signature and the parameter signature differ; the parameter counts"
                    .to_owned(),
                zh: Some("请求头 app_signature 与参数 signature 不同；以参数为准".to_owned()),
            });
        }
        Ok(Received {
            signature: in_query.or(in_header).map(str::to_owned),
            parameters,
            also,
        })
    }

    /// The signature of a query that cannot be read.
    fn spelt(&self, request: &Request<'_>) -> Option<String> {
        let mut segments = request.query.split('&');
        let spelt = segments.find_map(|segment| segment.strip_prefix("signature="));
        let in_query = spelt.map(|text| {
            let text = text.replace('+', " ");
            let bytes: Vec<u8> = percent_decode_str(&text).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let in_header = || self.header.and_then(|name| request.header(name));
        let in_query = in_query.filter(|text| !text.is_empty());
        in_query.or_else(|| in_header().map(str::to_owned))
    }

    fn starts(&self, case: &Case<'_>) -> Vec<Start<Recipe>> {
        let mut starts = Vec::new();
        for (key, candidate) in tried_keys(case) {
            for (form, _) in self.prefixes.iter().enumerate() {
                let recipe = Recipe {
                    key,
                    form,
                    ..Recipe::default()
                };
                let stranger = (!candidate.is_own).then(|| candidate.label.to_owned());
                starts.push(Start { recipe, stranger });
            }
        }
        starts
    }

    /// What is wrong besides the signature.
    fn besides(&self, request: &Request<'_>, case: &Case<'_>) -> Vec<Finding> {
        let Ok(query) = Query::parse(request.query) else {
            return Vec::new();
        };
        let mut also = Vec::new();
        match query.get(self.time).filter(|text| !text.is_empty()) {
            Some(text) => {
                let read = (self.parse_time)(text);
                let signed = Signed {
                    name: self.time,
                    text,
                    at: read.as_ref().ok().copied(),
                    spell: self.spell_time,
                };
                let fresh = read.and_then(|at| {
                    sign::check_window(self.time, text, at, case.clock_skew_ms, case.now)
                });
                let stale = fresh.err().into_iter();
                also.extend(stale.flat_map(|fault| signed.told(fault, case)));
            }
            None => also.push(Finding {
                code: "parameter_missing",
                en: format!("parameter {:?} is missing", self.time),
                zh: Some(format!("缺少参数 {:?}", self.time)),
            }),
        }
        if let (Some(wanted), Some(code)) = (case.product_code, query.get(self.product_code))
            && !code.is_empty()
            && code != wanted
        {
            let name = self.product_code;
            also.push(Finding {
                code: "product_code_wrong",
                en: format!("{name} {} is not sold here, {wanted} is", quoted(code)),
                zh: Some(format!(
                    "{name} {} 不在这里卖，这里卖的是 {wanted}",
                    quoted(code)
                )),
            });
        }
        also
    }
}

impl Explain for Family {
    fn explain(&self, request: &Request<'_>, case: &Case<'_>) -> Explanation {
        let mut explanation = Explanation {
            verdict: Verdict::Missing,
            received: None,
            expected: None,
            canonical: None,
            cause: None,
            tried: Tried::default(),
            also: Vec::new(),
        };
        let Received {
            parameters,
            signature,
            also,
        } = match self.received(request) {
            Ok(received) => received,
            Err(fault) => {
                explanation.also.push(fault.into());
                explanation.received = self.spelt(request);
                if explanation.received.is_some() {
                    explanation.verdict = Verdict::Unreadable;
                }
                return explanation;
            }
        };
        explanation.also = also;
        explanation.also.extend(self.besides(request, case));
        let made = |recipe: &Recipe| recipe.signature(self, request, &parameters, case);
        let starts = self.starts(case);
        let own = || starts.iter().filter(|start| start.stranger.is_none());
        let right = own().next().map(|start| &start.recipe);
        let message = |recipe: &Recipe| recipe.message(self, request, &parameters);
        explanation.canonical = Some(message(right.unwrap_or(&Recipe::default())));
        explanation.expected = right.and_then(made);
        explanation.received.clone_from(&signature);
        let Some(signature) = signature else {
            explanation.also.push(Finding {
                code: "signature_missing",
                en: "parameter \"signature\" is missing".to_owned(),
                zh: Some("缺少参数 signature".to_owned()),
            });
            return explanation;
        };
        let fits = |recipe: &Recipe| made(recipe).is_some_and(|made| made == signature);
        if let Some(good) = own().find(|start| fits(&start.recipe)) {
            explanation.verdict = Verdict::Good;
            explanation.canonical = Some(message(&good.recipe));
            explanation.expected = Some(signature);
            return explanation;
        }
        let is_taken = own().any(|start| {
            fits(&Recipe {
                coding: Coding::AsSent,
                ..start.recipe.clone()
            })
        });
        explanation.verdict = if is_taken {
            Verdict::Accepted
        } else {
            Verdict::Wrong
        };
        let canonical = explanation.canonical.as_ref().map_or(0, String::len);
        let text_bytes = canonical.max(request.query.len());
        let (found, tried) = search(&starts, &knobs(), text_bytes, fits);
        explanation.tried = Tried {
            keys_left: keys_left(case),
            ..tried
        };
        if found.is_none() {
            let told = length_told(&signature, SIGNATURE_CHARS);
            explanation.also.extend(told);
        }
        explanation.cause = found.map(|found| {
            let signed = message(&found.recipe);
            // The form that the signer meant is what its message is compared with.
            let meant = Recipe {
                form: found.recipe.form,
                key: found.recipe.key,
                ..Recipe::default()
            };
            explanation.canonical = Some(message(&meant));
            if found.key.is_none() {
                explanation.expected = made(&meant);
            }
            Cause {
                mistakes: found.mistakes,
                place: found.place,
                key: found.key,
                signed: Some(signed)
                    .filter(|signed| Some(signed) != explanation.canonical.as_ref()),
            }
        });
        explanation
    }

    fn mistakes(&self) -> Vec<&'static Mistake> {
        all_mistakes(&knobs())
    }

    fn made(&self, request: &Request<'_>, case: &Case<'_>, codes: &[&str]) -> Option<String> {
        let parameters = Parameter::all(request.query).ok()?;
        let recipe = with_mistakes(Recipe::default(), &knobs(), codes)?;
        recipe.signature(self, request, &parameters, case)
    }
}
