//! `turnkey replay`: sends a call of the call log again, as it was or newly signed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header;
use secrecy::SecretString;
use serde_json::{Value, json};
use turnkey_core::Fault;
use turnkey_dialects::{Dialect, Reply, Request, Resigner, recorded};
use turnkey_drivers::answer::{self, Silence};
use turnkey_drivers::market::ANSWER_BYTES_MAX;
use turnkey_engine::SystemClock;

use crate::cli::admin_client::{AdminArgs, AdminClient, Refusal, Told, say_json, segment};
use crate::cli::signing::{Source, demo_key};
use crate::cli::terminal::escaped;
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::calls::RawCall;
use crate::market;
use crate::watch::captured::Captured;
use crate::watch::mask::{masked, masked_answer};

/// How long an answer may take where the protocol is not known.
const TIME_LIMIT: Duration = Duration::from_secs(15);

#[derive(clap::Args)]
pub(super) struct Replay {
    /// The call's name, as `turnkey calls tail` prints it.
    call: String,
    /// Where to send it: a notification URL, or the server of a storefront; by default where it
    /// came in.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Sign it anew, as of now; otherwise it goes with the signature that it had.
    #[arg(long)]
    resign: bool,
    /// Change a parameter: by its name in the query, or as `instanceSpec.quantity` in a body. Goes
    /// with --resign.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::trigger::name_and_value)]
    set: Vec<(String, String)>,
    /// Write the call and its answer to this folder as a fixture in which nobody's data is left.
    #[arg(long, value_name = "DIR", conflicts_with = "set")]
    save_fixture: Option<PathBuf>,
    /// The key that signs, or `-` to read it from stdin. Anybody who lists processes reads what is typed
    /// here: prefer the other ways.
    #[arg(long, group = "signing", requires = "resign")]
    key: Option<String>,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "NAME", group = "signing", requires = "resign")]
    key_env: Option<String>,
    /// The file that holds the key.
    #[arg(long, value_name = "FILE", group = "signing", requires = "resign")]
    key_file: Option<PathBuf>,
    /// The access key that signs, where the protocol has one; by default the one that signed before.
    #[arg(long, requires = "resign")]
    ak: Option<String>,
    #[command(flatten)]
    admin: AdminArgs,
}

/// A request on its way out.
struct Outgoing {
    method: reqwest::Method,
    url: url::Url,
    headers: header::HeaderMap,
    body: Vec<u8>,
}

/// What came back.
struct Answer {
    status: u16,
    content_type: String,
    body: Vec<u8>,
    elapsed: Duration,
}

impl Replay {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        if !self.set.is_empty() && !self.resign {
            complain(lang.pick(
                "--set changes what the signature covers: add --resign (and for a broken signature --set signature=…)",
                "--set 会改变签名所覆盖的内容：请加上 --resign（若要错误的签名，再加 --set signature=…）",
            ));
            return Ok(Exit::Usage);
        }
        let client = self.admin.client(lang)?;
        Ok(client.run(|client| self.replay(client)))
    }

    fn replay(&self, client: &AdminClient) -> Told {
        let lang = client.lang();
        let path = format!("/calls/{}/request", segment(&self.call));
        let raw: RawCall = client.get(&path, &[])?;
        let captured = BASE64_STANDARD.decode(&raw.request).ok();
        let captured = captured.as_deref().and_then(Captured::parse);
        let captured = captured.ok_or_else(|| {
            let message = "the admin API's answer holds no request";
            Refusal::nobody(message.to_owned())
        })?;
        let dialect = raw.dialect.as_deref().and_then(turnkey_dialects::find);
        let fixture = self.save_fixture.as_ref().map(|folder| {
            let name = fixture_name(&raw, &captured, dialect);
            Ok((fixture_in(folder, &name)?, name))
        });
        let fixture = fixture.transpose()?;
        let outgoing = self.outgoing(&raw, &captured, dialect, lang)?;
        let time_limit = dialect.map_or(TIME_LIMIT, |dialect| {
            Duration::from_millis(dialect.card().time_limit_ms)
        });
        let http = market::client(time_limit);
        let http = http.map_err(|error| Refusal::nobody(format!("{error:#}")))?;
        if !self.admin.json {
            self.tell_request(&raw, &outgoing, lang);
        }
        let url = outgoing.url.clone();
        match client.block_on(send(&http, outgoing)) {
            Ok(answer) => {
                let exit = self.tell(&raw, &url, &answer, lang);
                if let Some((path, name)) = fixture {
                    save(&path, &name, &raw, &captured, dialect, &answer)?;
                    complain(&escaped(&path.display().to_string()));
                }
                Ok(exit)
            }
            Err(why) => {
                let said = format!("{}: {why}", origin(&url));
                complain(&format!("turnkey: {} [no_answer]", escaped(&said)));
                Ok(Exit::Refused)
            }
        }
    }

    /// The request to send: as it was, or newly signed.
    fn outgoing(
        &self,
        raw: &RawCall,
        captured: &Captured,
        dialect: Option<&'static dyn Dialect>,
        lang: Lang,
    ) -> Result<Outgoing, Refusal> {
        let to = self.to.as_deref().or(raw.url.as_deref());
        let to = to.ok_or_else(|| {
            Refusal::usage(lang.pick(
                "the listing is no longer configured: say where with --to URL",
                "该商品已不在配置里：请用 --to URL 指明发往哪里",
            ))
        })?;
        let mut url = url::Url::parse(to)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .filter(|url| url.query().is_none() && url.fragment().is_none())
            .ok_or_else(|| {
                Refusal::usage(lang.pick(
                    "--to must be an http(s) address without a query: the call brings its own",
                    "--to 必须是不带查询串的 http(s) 地址：查询串由调用自带",
                ))
            })?;
        let is_rooted = dialect.is_some_and(|dialect| dialect.card().root.is_some());
        if is_rooted {
            url.set_path(&captured.path);
        }
        let mut headers = header::HeaderMap::new();
        let (query, body) = if self.resign {
            let Some((dialect, ask)) = dialect.and_then(|d| Some((d, d.faces().ask?))) else {
                return Err(Refusal::usage(lang.pick(
                    "nobody here knows how to sign it: its listing is no longer configured, or its protocol cannot be played",
                    "无法重新签名：该商品已不在配置里，或它的协议无法扮演",
                )));
            };
            let secret = self.secret(dialect, lang)?;
            let sent: Vec<_> = captured
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_slice()))
                .collect();
            let request = Request {
                method: &captured.method,
                path: &captured.path,
                query: &captured.query,
                headers: &sent,
                body: &captured.body,
            };
            let by = Resigner {
                secret: &secret,
                access_key: self.ak.as_deref(),
                host: &authority(&url),
            };
            let anew = ask.resign(&request, &by, &self.set, SystemClock::wall());
            let anew = anew
                .map_err(|fault| Refusal::usage(&format!("{}: {}", fault.code, fault.message)))?;
            let kept = ["accept", "content-type", "user-agent"];
            let kept = kept
                .into_iter()
                .filter_map(|name| Some((name, captured.header(name)?.as_bytes())));
            put(&mut headers, kept);
            let signed = anew.headers.iter();
            put(&mut headers, signed.map(|(n, v)| (*n, v.as_bytes())));
            (anew.query, anew.body)
        } else {
            put(&mut headers, captured.kept_headers());
            (captured.query.clone(), captured.body.clone())
        };
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        if url.query().unwrap_or_default() != query {
            complain(lang.pick(
                "warning: a character of the query has no place in a URL and is escaped; a signature over the query as it stood may no longer fit",
                "警告：查询串里有 URL 不允许的字符，已被转义；按原样签名的签名可能不再相符",
            ));
        }
        Ok(Outgoing {
            method: captured.method.parse().unwrap_or_default(),
            url,
            headers,
            body,
        })
    }

    fn secret(&self, dialect: &dyn Dialect, lang: Lang) -> Result<SecretString, Refusal> {
        let source = Source {
            flag: "--key",
            outright: self.key.as_deref(),
            env: self.key_env.as_deref(),
            file: self.key_file.as_ref(),
            demo: demo_key(dialect),
        };
        let secret = source.read(lang);
        secret.map_err(|error| Refusal::usage(&format!("{error:#}")))
    }

    fn tell_request(&self, raw: &RawCall, outgoing: &Outgoing, lang: Lang) {
        let how = if self.resign {
            lang.pick("signed anew", "重新签名")
        } else {
            lang.pick("with the signature it had", "沿用原来的签名")
        };
        let mut shown = outgoing.url.clone();
        shown.set_query(None);
        let line = format!("{} {shown} HTTP/1.1", outgoing.method);
        let query = outgoing.url.query().map(|query| {
            let line = format!("{} {shown}?{query} HTTP/1.1\r\n\r\n", outgoing.method);
            masked(line.as_bytes())
        });
        let line = query.unwrap_or(line);
        let line = line.trim_end().trim_end_matches(" HTTP/1.1");
        let call = &raw.call;
        complain(&format!("{} {} ({how})", call.id, call.action));
        complain(&format!("-> {}", escaped(line)));
    }

    /// Tells the answer, beside what the same call was answered before.
    fn tell(&self, raw: &RawCall, url: &url::Url, answer: &Answer, lang: Lang) -> Exit {
        let (before, now) = (raw.call.status, answer.status);
        let (is_same, is_success) = (before == now, is_success(answer));
        let body = masked_answer(&answer.body);
        if self.admin.json {
            let body: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
            let mut to = url.clone();
            to.set_query(None);
            say_json(&json!({
                "call": raw.call.id,
                "to": to.as_str(),
                "resigned": self.resign,
                "status": now,
                "recorded_status": before,
                "same_status": is_same,
                "success": is_success,
                "content_type": answer.content_type,
                "elapsed_ms": answer.elapsed.as_millis(),
                "body": body,
            }));
        } else {
            let elapsed = answer.elapsed.as_secs_f64();
            let compared = match (lang, is_same) {
                (Lang::En, true) => format!("as recorded ({before})"),
                (Lang::En, false) => format!("it was {before}"),
                (Lang::Zh, true) => format!("与记录相同（{before}）"),
                (Lang::Zh, false) => format!("记录的是 {before}"),
            };
            let content_type = escaped(&answer.content_type);
            say(&format!(
                "<- {now} {content_type}   {elapsed:.2} s   {compared}"
            ));
            if !body.is_empty() {
                say(&escaped(&body));
            }
        }
        if is_same || is_success {
            return Exit::Good;
        }
        if !self.resign && matches!(now, 401 | 403) {
            complain(lang.pick(
                "its signature is the one it had: too old by now, or of another key than this server's; --resign signs it anew",
                "沿用的是原来的签名：可能已经过期，也可能不是这个服务的密钥；--resign 会重新签名",
            ));
        }
        Exit::Problems
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` passes")]
fn unfit(fault: Fault) -> Refusal {
    Refusal::usage(&format!("{} [{}]", fault.message, fault.code))
}

/// The file of that `name` in `folder`, which must not be there yet.
fn fixture_in(folder: &Path, name: &str) -> Result<PathBuf, Refusal> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.chars().all(is_plain) {
        let message = "its action is none of the protocol's [fixture_unfit]";
        return Err(Refusal::usage(message));
    }
    let path = folder.join(format!("{name}.txt"));
    match path.exists() {
        true => Err(Refusal::usage(&format!(
            "{}: there is a file of that name; name another folder, or remove it",
            path.display()
        ))),
        false => Ok(path),
    }
}

/// What a call is called as a fixture: what it asked, and what came of it.
fn fixture_name(raw: &RawCall, captured: &Captured, dialect: Option<&dyn Dialect>) -> String {
    let storefront = dialect.filter(|dialect| dialect.card().root.is_some());
    let asked = storefront.map_or_else(
        || raw.call.action.clone(),
        |dialect| recorded::route_name(dialect, &captured.method, &captured.path),
    );
    format!("{asked}-{}", raw.call.result)
}

/// Writes the call and its answer to `path` as a fixture.
fn save(
    path: &Path,
    name: &str,
    raw: &RawCall,
    captured: &Captured,
    dialect: Option<&'static dyn Dialect>,
    answer: &Answer,
) -> Result<(), Refusal> {
    let no = |why: &str| Refusal::usage(&format!("{why} [fixture_unfit]"));
    let dialect = dialect.ok_or_else(|| no("its listing is no longer configured"))?;
    if answer.status != raw.call.status {
        return Err(no("it was answered otherwise than the log says"));
    }
    let headers: Vec<_> = captured
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let request = Request {
        method: &captured.method,
        path: &captured.path,
        query: &captured.query,
        headers: &headers,
        body: &captured.body,
    };
    let reply = Reply {
        status: answer.status,
        content_type: answer.content_type.clone(),
        retry_after_s: None,
        headers: Vec::new(),
        body: answer.body.clone(),
    };
    let listing = turnkey_drivers::market::known("recorded", recorded::KEY.into(), None);
    let code = raw.call.code.as_deref();
    let text = recorded::fixture(dialect, name, &request, &reply, code, &listing);
    let text = text.map_err(unfit)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::File::create_new(path))
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Refusal::usage(&format!("{}: {error}", path.display())))
}

/// Puts `more` in place of what has the same names. What cannot stand in a header was never in one.
fn put<'a>(headers: &mut header::HeaderMap, more: impl Iterator<Item = (&'a str, &'a [u8])>) {
    let mut named = Vec::new();
    for (name, value) in more {
        let name = header::HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(value)) = (name, header::HeaderValue::from_bytes(value)) else {
            continue;
        };
        // One that came twice is sent twice.
        if named.contains(&name) {
            headers.append(name, value);
        } else {
            headers.insert(name.clone(), value);
            named.push(name);
        }
    }
}

/// Host and port, as a `Host` header has them.
fn authority(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn origin(url: &url::Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether an answer says yes: as far as that can be told without knowing the call.
fn is_success(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_no = body.get("success") == Some(&Value::Bool(false))
        || body.get("error").is_some_and(|error| !error.is_null());
    (200..300).contains(&answer.status) && !is_no
}

async fn send(http: &reqwest::Client, outgoing: Outgoing) -> Result<Answer, String> {
    let since = Instant::now();
    let Outgoing {
        method,
        url,
        headers,
        body,
    } = outgoing;
    let failed = |error: reqwest::Error| match Silence::from(&error) {
        Silence::Nobody => format!("nobody answers there: {}", answer::innermost(&error)),
        Silence::Late => "no answer in time".to_owned(),
        Silence::Broken => "the connection broke off".to_owned(),
    };
    let request = http.request(method, url).headers(headers).body(body);
    let mut response = request.send().await.map_err(failed)?;
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = answer::whole(&mut response, ANSWER_BYTES_MAX).await;
    let body = body
        .map_err(failed)?
        .ok_or_else(|| format!("the answer has more than {ANSWER_BYTES_MAX} bytes"))?;
    Ok(Answer {
        status: response.status().as_u16(),
        content_type,
        body,
        elapsed: since.elapsed(),
    })
}
