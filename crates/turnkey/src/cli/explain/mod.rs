//! `turnkey explain`: the signature doctor. It asks nobody, unless `--call` names a call that a
//! running server has seen; then the keys stay there.

mod keys;
mod pasted;
mod request;
mod show;

use std::fs::File;
use std::path::PathBuf;

use anyhow::Context as _;
use turnkey_core::UtcMillis;
use turnkey_dialects::explain::{Candidate, Case};
use turnkey_dialects::{Dialect, all, find};
use turnkey_engine::SystemClock;

use crate::cli::admin_client::{AdminArgs, segment};
use crate::cli::signing::{bounded, tell_keyless};
use crate::cli::terminal::escaped;
use crate::cli::{Exit, Lang, complain, misused, say};
use crate::explained::ExplanationView;
use crate::words::start;

use keys::Keys;
use request::Given;

/// What the server knows of a call by itself.
const NOT_WITH_CALL: [&str; 11] = [
    "dialect",
    "key",
    "key_env",
    "key_file",
    "ak",
    "header",
    "method",
    "body",
    "body_text",
    "at",
    "window",
];

/// How far a signed time may be from now unless said otherwise, in seconds: as a listing has it.
const WINDOW_S: u64 = 300;

/// Longest body that is read, in bytes: no dialect takes a longer one.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

#[derive(clap::Args)]
pub(super) struct Explain {
    /// The URL that was called, with its query, in quotes; or what holds it: a line of a log, a curl
    /// command.
    #[arg(required_unless_present = "call", conflicts_with = "call")]
    url: Option<String>,
    /// A call that a running server refused, as `turnkey calls tail` names it.
    #[arg(long, value_name = "ID", conflicts_with_all = NOT_WITH_CALL)]
    call: Option<String>,
    /// The protocol; by default the URL, the parameters and the headers tell.
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    #[command(flatten)]
    keys: Keys,
    /// The access key that the first key belongs to, where the protocol has those.
    #[arg(long, value_name = "ACCESS_KEY")]
    ak: Option<String>,
    /// A header of the request: `Name: value`.
    #[arg(long, value_name = "HEADER")]
    header: Vec<String>,
    /// The method; by default GET, or POST where there is a body.
    #[arg(long)]
    method: Option<String>,
    /// The file that holds the body.
    #[arg(long, value_name = "FILE", conflicts_with = "body_text")]
    body: Option<PathBuf>,
    /// The body itself.
    #[arg(long, value_name = "TEXT")]
    body_text: Option<String>,
    /// When it was called, as RFC 3339 or in UNIX seconds; by default now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<UtcMillis>,
    /// How far the signed time may be from that, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = WINDOW_S)]
    window: u64,
    #[command(flatten)]
    admin: AdminArgs,
}

fn moment(text: &str) -> Result<UtcMillis, String> {
    if let Ok(s) = text.parse::<i64>() {
        return s
            .checked_mul(1000)
            .map(UtcMillis)
            .ok_or_else(|| "beyond the calendar".to_owned());
    }
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    Ok(UtcMillis(at.as_millisecond()))
}

impl Explain {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        if let Some(call) = &self.call {
            let client = self.admin.client(lang)?;
            let is_json = self.admin.json;
            let path = format!("/calls/{}/explanation", segment(call));
            return Ok(client.run(|client| Ok(told(&client.get(&path, &[])?, is_json, lang))));
        }
        let pasted = self.url.as_deref().unwrap_or_default();
        let url = pasted::target(pasted);
        if url != pasted {
            let shown = escaped(&url);
            complain(&match lang {
                Lang::En => format!("taken from what was pasted: {shown}"),
                Lang::Zh => format!("从粘贴的内容中取出：{shown}"),
            });
        }
        let body = match self.body() {
            Ok(body) => body,
            Err(error) => return Ok(misused(&error, lang)),
        };
        let given = match Given::new(&url, &self.header, self.method.as_deref(), body) {
            Ok(given) => given,
            Err(header) => {
                complain(&match lang {
                    Lang::En => format!("turnkey: --header {header:?} is not `Name: value`"),
                    Lang::Zh => format!("turnkey: --header {header:?} 不是 `Name: value` 的形式"),
                });
                return Ok(Exit::Usage);
            }
        };
        let Some(dialect) = self.dialect(&given, lang) else {
            return Ok(Exit::Usage);
        };
        let name = dialect.card().name;
        let Some(doctor) = dialect.faces().explain else {
            complain(&match lang {
                Lang::En => format!("turnkey: {name} has no signature that could be explained"),
                Lang::Zh => format!("turnkey: {name} 没有可以解释的签名"),
            });
            return Ok(Exit::Usage);
        };
        if self.keys.is_empty() {
            tell_keyless(&url, lang);
        }
        let keys = match self.keys.read(lang) {
            Ok(keys) => keys,
            Err(error) => return Ok(misused(&error, lang)),
        };
        let mut candidates = Vec::new();
        for (place, (label, secret)) in keys.iter().enumerate() {
            candidates.push(Candidate {
                label,
                access_key: self.ak.as_deref().filter(|_| place == 0),
                secret,
                is_own: place == 0,
            });
        }
        let case = Case {
            keys: &candidates,
            product_code: None,
            clock_skew_ms: self.window.saturating_mul(1000),
            now: self.at.unwrap_or_else(SystemClock::wall),
            at_server: false,
        };
        let headers = given.headers();
        let said = doctor.explain(&given.request(&headers), &case);
        let view = ExplanationView::new(name, said);
        Ok(told(&view, self.admin.json, lang))
    }

    fn body(&self) -> anyhow::Result<Vec<u8>> {
        match (&self.body, &self.body_text) {
            (Some(file), _) => {
                let open = File::open(file).with_context(|| start::cannot_read(file))?;
                bounded(open, file, BODY_BYTES_MAX)
            }
            (None, Some(text)) => Ok(text.clone().into_bytes()),
            (None, None) => Ok(Vec::new()),
        }
    }

    fn dialect(&self, given: &Given, lang: Lang) -> Option<&'static dyn Dialect> {
        let dialect = match &self.dialect {
            Some(name) => find(name),
            None => given.dialect(),
        };
        if dialect.is_none() {
            let known: Vec<_> = all().iter().map(|d| d.card().name).collect();
            let known = known.join(", ");
            complain(&match (&self.dialect, lang) {
                (None, Lang::En) => {
                    format!("turnkey: which protocol? --dialect is one of {known}")
                }
                (None, Lang::Zh) => format!("turnkey: 是哪个协议？--dialect 可以是 {known}"),
                (Some(name), Lang::En) => {
                    format!("turnkey: there is no dialect {name:?}; there are {known}")
                }
                (Some(name), Lang::Zh) => {
                    format!("turnkey: 没有协议 {name:?}；可以是 {known}")
                }
            });
        }
        dialect
    }
}

/// Says what was found; what that means for the exit code.
fn told(view: &ExplanationView, is_json: bool, lang: Lang) -> Exit {
    if is_json {
        say(&serde_json::to_string_pretty(view).unwrap_or_default());
    } else {
        show::lines(view, lang).iter().for_each(|line| say(line));
    }
    if view.verdict == "good" && view.also.is_empty() {
        Exit::Good
    } else {
        Exit::Problems
    }
}
