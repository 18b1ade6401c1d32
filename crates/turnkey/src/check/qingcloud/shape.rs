//! The form of the answer to a create.

use serde_json::{Map, Value};

use crate::check::probe::{Heard, Probe};
use crate::check::{Finding, Note, Rule, Run, Stop, Verdict};

/// "Create" of both: an instance id has at most so many characters.
const ID_CHARS_MAX: usize = 128;

/// The sample's body, where it was answered with success.
pub(super) async fn sample(probe: &Probe) -> Result<(&Heard, Map<String, Value>), Stop> {
    let heard = probe.sample().await?;
    match heard.json().filter(|_| heard.is_yes()) {
        Some(body) => Ok((heard, body)),
        None => Err(Stop(Note::new(
            format!("needs a create that succeeds ({})", heard.in_short().en),
            format!("需要一个成功的新购（{}）", heard.in_short().zh),
        ))),
    }
}

fn broken(heard: &Heard, expected: [&str; 2], got: [String; 2]) -> Verdict {
    let [expected_en, expected_zh] = expected;
    let [en, zh] = got;
    let expected = Note::new(expected_en, expected_zh);
    Verdict::Broken(Finding::new(expected, Note::new(en, zh), &[heard]))
}

pub(in crate::check) static INSTANCE_ID: Rule = Rule {
    title: [
        "instanceId is text of 1 to 128 characters",
        "instanceId 是 1 到 128 个字符的文本",
    ],
    fix: [
        "answer with an id of at most 128 characters, as a JSON string",
        "用不超过 128 个字符的 JSON 字符串作编号",
    ],
    run: instance_id,
};

fn instance_id(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let (heard, body) = sample(probe).await?;
        let got = match body.get("instanceId") {
            Some(Value::String(id)) => {
                let chars = id.chars().count();
                if (1..=ID_CHARS_MAX).contains(&chars) {
                    return Ok(Verdict::Pass);
                }
                [
                    format!("it has {chars} characters"),
                    format!("有 {chars} 个字符"),
                ]
            }
            Some(other) => [
                format!("it is {}", kind(other)),
                format!("是 {}", kind(other)),
            ],
            None => ["it is missing".to_owned(), "没有".to_owned()],
        };
        let expected = [
            "\"instanceId\": text of 1 to 128 characters",
            "\"instanceId\"：1 到 128 个字符的文本",
        ];
        Ok(broken(heard, expected, got))
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

pub(in crate::check) static INSTANCE_INFO: Rule = Rule {
    title: [
        "instanceInfo is an object whose members are texts",
        "instanceInfo 是对象，成员都是文本",
    ],
    fix: [
        "answer with instanceInfo {frontEndUrl, adminUrl, username, password}; what you do not have may be \"\"",
        "应答里带 instanceInfo {frontEndUrl, adminUrl, username, password}，没有的写 \"\"",
    ],
    run: instance_info,
};

fn instance_info(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let (heard, body) = sample(probe).await?;
        let expected = [
            "\"instanceInfo\": an object of texts",
            "\"instanceInfo\"：成员为文本的对象",
        ];
        let Some(Value::Object(info)) = body.get("instanceInfo") else {
            let found = body.get("instanceInfo").map_or("missing", kind);
            let got = [
                format!("instanceInfo is {found}"),
                format!("instanceInfo：{found}"),
            ];
            return Ok(broken(heard, expected, got));
        };
        let members = ["frontEndUrl", "adminUrl", "username", "password"];
        Ok(texts(heard, info, &members, expected))
    })
}

pub(in crate::check) static APP_INFO: Rule = Rule {
    title: [
        "appInfo, where it is there, has the documented form",
        "appInfo 如果有，符合文档的形式",
    ],
    fix: [
        "answer with appInfo {frontEnd, admin: {url, username, password}, authUrl}, all texts, or without it",
        "appInfo 写成 {frontEnd, admin: {url, username, password}, authUrl}，全是文本；也可以不带",
    ],
    run: app_info,
};

fn app_info(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let (heard, body) = sample(probe).await?;
        let expected = [
            "\"appInfo\": an object of accounts",
            "\"appInfo\"：账号信息的对象",
        ];
        let info = match body.get("appInfo") {
            None | Some(Value::Null) => return Ok(Verdict::Pass),
            Some(Value::Object(info)) => info,
            Some(other) => {
                let got = [
                    format!("appInfo is {}", kind(other)),
                    format!("appInfo：{}", kind(other)),
                ];
                return Ok(broken(heard, expected, got));
            }
        };
        for part in ["frontEnd", "admin"] {
            match info.get(part) {
                None | Some(Value::Null) => {}
                Some(Value::Object(account)) => {
                    let members = ["url", "username", "password"];
                    let verdict = texts(heard, account, &members, expected);
                    if !matches!(verdict, Verdict::Pass) {
                        return Ok(verdict);
                    }
                }
                Some(other) => {
                    let got = [
                        format!("{part} is {}", kind(other)),
                        format!("{part}：{}", kind(other)),
                    ];
                    return Ok(broken(heard, expected, got));
                }
            }
        }
        Ok(texts(heard, info, &["authUrl"], expected))
    })
}

fn texts(
    heard: &Heard,
    object: &Map<String, Value>,
    members: &[&str],
    expected: [&str; 2],
) -> Verdict {
    for name in members {
        match object.get(*name) {
            None | Some(Value::Null | Value::String(_)) => {}
            Some(other) => {
                let got = [
                    format!("{name} is {}", kind(other)),
                    format!("{name}：{}", kind(other)),
                ];
                return broken(heard, expected, got);
            }
        }
    }
    Verdict::Pass
}

pub(in crate::check) static URLS: Rule = Rule {
    title: [
        "addresses are http or https URLs",
        "地址是 http 或 https URL",
    ],
    fix: [
        "send whole URLs, with their scheme: buyers open them in a browser",
        "写完整的 URL，包括协议：买家会在浏览器里打开",
    ],
    run: urls,
};

fn urls(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let (heard, body) = sample(probe).await?;
        let mut found = Vec::new();
        for (part, member) in [
            ("instanceInfo", "frontEndUrl"),
            ("instanceInfo", "adminUrl"),
            ("appInfo", "authUrl"),
        ] {
            found.push((member, body.get(part).and_then(|part| part.get(member))));
        }
        for part in ["frontEnd", "admin"] {
            let account = body.get("appInfo").and_then(|info| info.get(part));
            found.push((part, account.and_then(|account| account.get("url"))));
        }
        let is_bad = |(_, url): &&(&str, Option<&Value>)| {
            let text = url.and_then(Value::as_str).unwrap_or_default();
            !text.is_empty() && !is_web(text)
        };
        let Some((name, _)) = found.iter().find(is_bad) else {
            return Ok(Verdict::Pass);
        };
        let got = [format!("{name} is none"), format!("{name} 不是")];
        let expected = [
            "an address that begins with http:// or https://",
            "以 http:// 或 https:// 开头的地址",
        ];
        Ok(broken(heard, expected, got))
    })
}

fn is_web(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
