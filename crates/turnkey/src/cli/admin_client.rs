//! How the commands that run the shop reach it: where the admin API is, with which token, and what
//! its refusals mean for whoever typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use turnkey_drivers::answer;

use crate::cli::terminal::escaped;
use crate::cli::{Exit, Lang, complain, say};
use crate::config::{self, runtime};
use crate::http::admin::{ErrorBody, Page};
use crate::words::{start, told};

/// How long an answer may take: every one is a look at a local store.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Longest answer that is read: a page of the largest rows, several times over.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// Where the shop is. Every command that runs it takes these.
#[derive(clap::Args)]
pub(super) struct AdminArgs {
    /// The admin API; by default `TURNKEY_ADMIN_URL`, then the configuration file's, then a running demo's.
    #[arg(long, value_name = "URL", global = true)]
    admin: Option<String>,
    /// The environment variable that holds the token; by default `TURNKEY_ADMIN_TOKEN`.
    #[arg(long, value_name = "NAME", global = true)]
    token_env: Option<String>,
    /// The configuration file that says where the admin API listens.
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "turnkey.toml",
        global = true
    )]
    config: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// A connection to the admin API of a running shop. It blocks: a command does one thing at a time.
pub(super) struct AdminClient {
    url: String,
    token: Option<SecretString>,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    lang: Lang,
}

impl AdminArgs {
    /// The admin API that the arguments, the environment, the file or a running demo name.
    pub(super) fn client(&self, lang: Lang) -> anyhow::Result<AdminClient> {
        let (url, demo_token) = self.found();
        let token = match &self.token_env {
            Some(name) => Some(config::environment(name)?.into()),
            None => config::environment("TURNKEY_ADMIN_TOKEN")
                .ok()
                .map(SecretString::from)
                .or(demo_token),
        };
        // A second caller that wants a provider finds the first one's.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .with_context(|| {
                start::system_refused("cannot make an HTTP client", "不能建 HTTP 客户端")
            })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Ok(AdminClient {
            url: url.trim_end_matches('/').to_owned(),
            token,
            client,
            runtime: runtime.with_context(|| {
                start::system_refused("cannot start the runtime", "不能启动运行时")
            })?,
            lang,
        })
    }

    /// Whether the admin API is that of the server at `to`, as far as is known here: it was named, or a
    /// demo says so.
    pub(super) fn is_of(&self, to: &str) -> bool {
        let named = self.admin.is_some() || config::environment("TURNKEY_ADMIN_URL").is_ok();
        named || runtime::is_demo(to)
    }

    /// The URL, and the token that goes with it where a demo left one. A demo's token goes to no
    /// other place than the demo.
    fn found(&self) -> (String, Option<SecretString>) {
        let demo = runtime::demo_door();
        let named = self
            .admin
            .clone()
            .or_else(|| config::environment("TURNKEY_ADMIN_URL").ok())
            .or_else(|| config::admin_listen(&self.config).map(|address| reachable(&address)));
        match (named, demo) {
            (Some(url), Some(demo)) if url.trim_end_matches('/') == demo.url => {
                (demo.url, Some(demo.token))
            }
            (Some(url), _) => (url, None),
            (None, Some(demo)) => (demo.url, Some(demo.token)),
            (None, None) => ("http://127.0.0.1:8687".to_owned(), None),
        }
    }
}

/// The URL of whoever listens at `address`, seen from this machine.
fn reachable(address: &str) -> String {
    match address.parse::<SocketAddr>() {
        Ok(at) if at.ip().is_unspecified() => format!("http://127.0.0.1:{}", at.port()),
        Ok(_) | Err(_) => format!("http://{address}"),
    }
}

/// Why the admin API did not do it.
pub(super) struct Refusal {
    status: Option<StatusCode>,
    /// Absent where nobody answered, or not in our words.
    code: Option<String>,
    message: String,
}

/// A command's result: a refusal is told, and becomes the exit code.
pub(super) type Told = Result<Exit, Refusal>;

impl Refusal {
    pub(super) fn nobody(message: String) -> Self {
        Self {
            status: None,
            code: None,
            message,
        }
    }

    /// The code, in our words; none where nobody answered.
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What was said.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Whether nobody answered at all.
    pub(super) fn is_silence(&self) -> bool {
        self.status.is_none()
    }

    /// What was typed makes no sense.
    pub(super) fn usage(message: &str) -> Self {
        Self {
            status: Some(StatusCode::BAD_REQUEST),
            code: None,
            message: message.to_owned(),
        }
    }

    /// Tells it to whoever typed; what it means for the exit code.
    pub(super) fn told(self, client: &AdminClient) -> Exit {
        let lang = client.lang;
        let said = match &self.code {
            Some(code) => {
                let said = told(code, &escaped(&self.message), lang);
                format!("{said} [{}]", escaped(code))
            }
            None => escaped(&self.message),
        };
        complain(&format!("turnkey: {said}"));
        let (exit, hint) = match self.status {
            None => (
                Exit::Refused,
                Some(lang.pick(
                    "is it running? try: turnkey demo, or turnkey serve; or say where it is with --admin URL",
                    "服务在运行吗？请试：turnkey demo 或 turnkey serve；也可以用 --admin URL 指明地址",
                )),
            ),
            Some(StatusCode::UNAUTHORIZED) => (
                Exit::Refused,
                Some(lang.pick(
                    "put a token of an [admin.token.<name>] into TURNKEY_ADMIN_TOKEN, or name another variable with --token-env",
                    "请把某个 [admin.token.<name>] 的令牌放进环境变量 TURNKEY_ADMIN_TOKEN，或用 --token-env 指定其他变量",
                )),
            ),
            Some(StatusCode::NOT_FOUND) => (Exit::Problems, None),
            Some(StatusCode::BAD_REQUEST) => (Exit::Usage, None),
            Some(_) => (Exit::Refused, None),
        };
        if let Some(hint) = hint {
            complain(hint);
        }
        exit
    }
}

impl AdminClient {
    /// The language that the answer is told in.
    pub(super) fn lang(&self) -> Lang {
        self.lang
    }

    /// Waits for `future` as for an answer of the API's own.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Runs `command` and tells what was refused.
    pub(super) fn run(self, command: impl FnOnce(&Self) -> Told) -> Exit {
        command(&self).unwrap_or_else(|refusal| refusal.told(&self))
    }

    /// `GET path?query`; absent values are left out.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<T, Refusal> {
        let query: Vec<String> = query
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
            .map(|(name, value)| format!("{name}={}", segment(value)))
            .collect();
        let path = match query.as_slice() {
            [] => path.to_owned(),
            [..] => format!("{path}?{}", query.join("&")),
        };
        self.call(Method::GET, &path, None, ANSWER_WITHIN)
    }

    /// `POST path` with `body` as JSON.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Refusal> {
        self.post_patiently(path, body, ANSWER_WITHIN)
    }

    /// The same, for what takes as long as `within`.
    pub(super) fn post_patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<T, Refusal> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Refusal::nobody(format!("cannot write the request: {error}")))?;
        self.call(Method::POST, path, Some(body), within)
    }

    /// Up to `limit` rows of the list at `path` behind `after`, as many pages as that takes.
    pub(super) fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: &[(&str, Option<String>)],
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<T>, Refusal> {
        let mut rows = Page {
            items: Vec::new(),
            next: after,
        };
        loop {
            let left = limit - rows.items.len();
            let mut query = filter.to_vec();
            query.push((
                "limit",
                Some(left.min(crate::http::admin::PAGE_MAX).to_string()),
            ));
            query.push(("after", rows.next.take()));
            let page: Page<T> = self.get(path, &query)?;
            rows.items.extend(page.items);
            rows.next = page.next;
            if rows.next.is_none() || rows.items.len() >= limit {
                return Ok(rows);
            }
        }
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        within: Duration,
    ) -> Result<T, Refusal> {
        let url = format!("{}/api/v1{path}", self.url);
        let mut request = self.client.request(method, &url).timeout(within);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(body) = body {
            request = request
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let (status, body) = self.runtime.block_on(self.answer(request))?;
        if !status.is_success() {
            return Err(refused(status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| {
            let message = format!("{url} answered what this program does not know: {error}");
            Refusal {
                status: Some(status),
                code: None,
                message,
            }
        })
    }

    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(StatusCode, Vec<u8>), Refusal> {
        let unheard = |error: reqwest::Error| {
            Refusal::nobody(format!("{}: {}", self.url, answer::innermost(&error)))
        };
        let mut response = request.send().await.map_err(unheard)?;
        let body = answer::whole(&mut response, ANSWER_BYTES_MAX).await;
        let body = body.map_err(unheard)?.ok_or_else(|| {
            let message = format!("{} answered more than {ANSWER_BYTES_MAX} bytes", self.url);
            Refusal::nobody(message)
        })?;
        Ok((response.status(), body))
    }
}

fn refused(status: StatusCode, body: &[u8]) -> Refusal {
    let (code, message) = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(ErrorBody { error }) => (Some(error.code), error.message),
        Err(_) => (None, format!("the admin API answered {status}")),
    };
    Refusal {
        status: Some(status),
        code,
        message,
    }
}

/// `text` as one segment of a path, or one value of a query.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Prints `value` as JSON, on one line.
pub(super) fn say_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => say(&text),
        Err(error) => complain(&format!("turnkey: cannot write JSON: {error}")),
    }
}
