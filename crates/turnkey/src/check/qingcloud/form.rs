//! How an endpoint answers: form, what it does not know, what is malformed. Nothing is made.

use turnkey_dialects::query::pair;

use super::tongue;
use crate::check::probe::{Draft, Heard, Probe, Signing};
use crate::check::verdict::{accepted, all_refused, each, expected_refusal, refused};
use crate::check::{Finding, Note, Rule, Run, Stop, Verdict};

const JSON: &str = "application/json";

/// More than any real call has, and less than servers refuse to read.
const LONG_BYTES: usize = 20_000;

pub(in crate::check) static REACHABLE: Rule = Rule {
    title: [
        "TestConnection is answered with success",
        "TestConnection 应答成功",
    ],
    fix: [
        "answer a signed TestConnection with 200 and the documented body; if the signature is refused, \
         `turnkey explain` says why",
        "对签名正确的 TestConnection 回答 200 和文档规定的正文；如果是签名被拒，用 `turnkey explain` 看原因",
    ],
    run: reachable,
};

fn reachable(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(accepted(&probe.call(probe.test()?).await)) })
}

pub(in crate::check) static CONTENT_TYPE: Rule = Rule {
    title: [
        "Content-Type is exactly application/json",
        "Content-Type 恰好是 application/json",
    ],
    fix: [
        "send application/json and nothing behind it: QingCloud's own test compares the whole header",
        "只发送 application/json，后面不带 charset：青云自己的测试比较整个请求头",
    ],
    run: content_type,
};

fn content_type(probe: &Probe) -> Run<'_> {
    Box::pin(async { is_bare_json(&[probe.call(probe.test()?).await]) })
}

pub(in crate::check) static REFUSAL_TYPE: Rule = Rule {
    title: [
        "refusals too have exactly application/json",
        "拒绝时 Content-Type 也恰好是 application/json",
    ],
    fix: [
        "set the header on error answers too; frameworks often add a charset there, or send HTML",
        "错误应答也要设置；框架常常会在那里加上 charset 或返回 HTML",
    ],
    run: refusal_type,
};

fn refusal_type(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let all = [
            probe.send(probe.test()?, &wrong()).await,
            probe
                .call(probe.test()?.with("action", "NoSuchAction"))
                .await,
        ];
        let refusals: Vec<Heard> = all.into_iter().filter(Heard::is_no).collect();
        if refusals.is_empty() {
            return Err(Stop::needs_refusal());
        }
        is_bare_json(&refusals)
    })
}

fn wrong() -> Signing {
    Signing::Text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned())
}

fn is_bare_json(heard: &[Heard]) -> Result<Verdict, Stop> {
    if let Some(silent) = heard.iter().find(|heard| heard.answer.is_err()) {
        return Err(Stop::needs_answer(silent));
    }
    let is_other = |heard: &&Heard| {
        let answer = heard.answer.as_ref();
        answer.is_ok_and(|answer| answer.content_type != JSON)
    };
    let Some(other) = heard.iter().find(is_other) else {
        return Ok(Verdict::Pass);
    };
    let found = &other.exchange.content_type;
    Ok(Verdict::Broken(Finding::new(
        Note::new(
            "Content-Type: application/json",
            "Content-Type: application/json",
        ),
        Note::new(
            format!("Content-Type is {found:?}"),
            format!("Content-Type 是 {found:?}"),
        ),
        &[other],
    )))
}

pub(in crate::check) static SUCCESS_BODY: Rule = Rule {
    title: [
        "success is said in the documented body: \"success\": true",
        "成功的正文按文档带有 \"success\": true",
    ],
    fix: [
        "answer everything but a create with a JSON object whose success is true",
        "除新购外，都用 success 为 true 的 JSON 对象应答",
    ],
    run: success_body,
};

fn success_body(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.call(probe.test()?).await;
        if !heard.is_yes() {
            return Err(Stop::needs_success(&heard));
        }
        let body = heard.json().unwrap_or_default();
        if body.get("success") == Some(&true.into()) {
            return Ok(Verdict::Pass);
        }
        Ok(Verdict::Broken(Finding::new(
            Note::new("\"success\": true", "\"success\": true"),
            Note::new("success is missing", "没有 success"),
            &[&heard],
        )))
    })
}

pub(in crate::check) static NEVER_200: Rule = Rule {
    title: ["a failure is never status 200", "失败时状态码不是 200"],
    fix: [
        "answer failures with 4xx or 5xx: the market takes 200 with JSON for success",
        "失败用 4xx 或 5xx 应答：云市场把 200 加 JSON 当作成功",
    ],
    run: never_200,
};

fn never_200(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let all = [
            probe.send(probe.test()?, &wrong()).await,
            probe
                .call(probe.test()?.with("action", "NoSuchAction"))
                .await,
            probe.call(probe.test()?.without("action")).await,
        ];
        // What was not refused is another check's business, as long as anything was.
        if !all.iter().any(Heard::is_no) {
            return Err(Stop::needs_refusal());
        }
        let is_200 = |heard: &&Heard| heard.is_no() && heard.exchange.status == Some(200);
        let Some(heard) = all.iter().find(is_200) else {
            return Ok(Verdict::Pass);
        };
        Ok(Verdict::Broken(Finding::new(
            Note::new("a status other than 200", "200 以外的状态码"),
            Note::new("status 200", "状态码 200"),
            &[heard],
        )))
    })
}

pub(in crate::check) static UNKNOWN_ACTION: Rule = Rule {
    title: ["an unknown action is refused", "拒绝未知的 action"],
    fix: [
        "refuse actions that you do not know: success would be believed",
        "不认识的 action 要拒绝，否则会被当作成功",
    ],
    run: unknown_action,
};

fn unknown_action(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut heard = Vec::new();
        for action in ["NoSuchAction", ""] {
            let draft = probe.test()?.with("action", action);
            heard.push((format!("action {action:?}"), probe.call(draft).await));
        }
        heard.push((
            "no action".to_owned(),
            probe.call(probe.test()?.without("action")).await,
        ));
        Ok(all_refused(&heard))
    })
}

pub(in crate::check) static UNKNOWN_PARAMETER: Rule = Rule {
    title: ["unknown parameters are accepted", "接受未知的参数"],
    fix: [
        "ignore parameters that you do not know, but sign them: the platform adds some over time",
        "忽略不认识的参数，但要计入签名：平台会逐渐增加参数",
    ],
    run: unknown_parameter,
};

fn unknown_parameter(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.test()?.with("turnkey_check", "1");
        Ok(accepted(&probe.call(draft).await))
    })
}

pub(in crate::check) static REPEATED_PARAMETER: Rule = Rule {
    title: [
        "a parameter that stands twice is refused",
        "拒绝出现两次的参数",
    ],
    fix: [
        "refuse it: a proxy and your framework may each take another of the two",
        "要拒绝：代理和您的框架取的可能不是同一个",
    ],
    run: repeated_parameter,
};

fn repeated_parameter(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.test()?.and(pair("spec", "a")).and(pair("spec", "b"));
        Ok(refused(&probe.call(draft).await))
    })
}

pub(in crate::check) static BROKEN_ENCODING: Rule = Rule {
    title: [
        "broken percent-encoding is refused, not stumbled over",
        "拒绝损坏的百分号编码，而不是出错",
    ],
    fix: [
        "catch what decoding throws, and answer 400",
        "捕获解码异常，并回答 400",
    ],
    run: broken_encoding,
};

fn broken_encoding(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut heard = Vec::new();
        for value in ["%zz", "%", "%E8%A7", "%FF"] {
            let draft = probe.test()?.and(format!("spec={value}"));
            heard.push((format!("spec={value}"), probe.call(draft).await));
        }
        Ok(each(&heard, Heard::is_calm_no, expected_refusal()))
    })
}

pub(in crate::check) static EMPTY_QUERY: Rule = Rule {
    title: [
        "a call without any parameter is refused",
        "拒绝没有任何参数的调用",
    ],
    fix: ["answer it as what it is: unsigned", "按没有签名处理并拒绝"],
    run: empty_query,
};

fn empty_query(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.send(probe.test()?.emptied(), &Signing::None).await;
        let heard = [("no query".to_owned(), heard)];
        Ok(each(&heard, Heard::is_calm_no, expected_refusal()))
    })
}

pub(in crate::check) static OTHER_METHOD: Rule = Rule {
    title: ["POST and HEAD are refused", "拒绝 POST 和 HEAD"],
    fix: [
        "allow GET only: nobody who belongs there uses another method",
        "只允许 GET：平台不会用其他方法",
    ],
    run: other_method,
};

fn other_method(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut heard = Vec::new();
        for method in ["POST", "HEAD"] {
            heard.push((
                method.to_owned(),
                probe.call(probe.test()?.by(method)).await,
            ));
        }
        // A HEAD has no body to say no in.
        let is_good = |heard: &Heard| heard.is_calm_no() && heard.exchange.status != Some(200);
        Ok(each(&heard, is_good, expected_refusal()))
    })
}

pub(in crate::check) static LONG_QUERY: Rule = Rule {
    title: [
        "a query of 20,000 bytes is answered in some way",
        "20000 字节的查询串也有应答",
    ],
    fix: [
        "answer what is too long with 400 or 414 instead of dropping the connection",
        "太长时回答 400 或 414，而不是断开连接",
    ],
    run: long_query,
};

fn long_query(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.test()?.with("spec", &"a".repeat(LONG_BYTES));
        let heard = [("20,000 bytes".to_owned(), probe.call(draft).await)];
        Ok(each(&heard, Heard::is_calm, any_answer()))
    })
}

fn any_answer() -> Note {
    Note::new(
        "an answer, success or refusal, and no failure of the server",
        "有应答，成功或拒绝都可以，但不是服务器出错",
    )
}

pub(in crate::check) static UNUSUAL_TEXT: Rule = Rule {
    title: [
        "unusual text (emoji, right-to-left, combining marks) is taken as it is",
        "能处理少见的文字（表情符号、从右到左、组合字符）",
    ],
    fix: [
        "decode as UTF-8 and store more than the basic plane (MySQL: utf8mb4)",
        "按 UTF-8 解码，并能保存四字节字符（MySQL 用 utf8mb4）",
    ],
    run: unusual_text,
};

fn unusual_text(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let name = tongue(probe).text;
        let mut heard = Vec::new();
        for text in ["👩‍🚀🚀", "שלום", "e\u{301}\u{200d}"] {
            let draft = probe.test()?.with(name, text);
            heard.push((format!("{name}={text}"), probe.call(draft).await));
        }
        Ok(each(
            &heard,
            Heard::is_yes,
            crate::check::verdict::expected_success(),
        ))
    })
}

pub(in crate::check) static NUL: Rule = Rule {
    title: [
        "a NUL character is answered, not stumbled over",
        "参数里有 NUL 字符时也能应答",
    ],
    fix: [
        "refuse values with a NUL before they reach a database or a C library",
        "在进入数据库或 C 库之前拒绝含 NUL 的值",
    ],
    run: nul,
};

fn nul(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.test()?.and("spec=a%00b");
        let heard = [("spec=a%00b".to_owned(), probe.call(draft).await)];
        Ok(each(&heard, Heard::is_calm, any_answer()))
    })
}

pub(in crate::check) static IN_TIME: Rule = Rule {
    title: ["every answer came in time", "每个应答都没有超时"],
    fix: [
        "answer first and finish afterwards; a slow delivery needs a page that shows progress",
        "先应答，再继续做；开通慢时给出显示进度的页面",
    ],
    run: in_time,
};

fn in_time(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let limits = probe.plan().limits;
        let Some(slowest) = probe.slowest() else {
            return Ok(Verdict::Pass);
        };
        let (took, most) = (slowest.took.as_secs_f64(), limits.most.as_secs_f64());
        let advised = limits.advised.as_secs_f64();
        let finding = Finding::new(
            Note::new(
                format!("at most {advised:.1} s, and never more than {most:.1} s"),
                format!("最好不超过 {advised:.1} 秒，绝不超过 {most:.1} 秒"),
            ),
            Note::new(
                format!("the slowest took {took:.3} s"),
                format!("最慢的用了 {took:.3} 秒"),
            ),
            &[&slowest],
        );
        Ok(if slowest.took > limits.most {
            Verdict::Fail(finding)
        } else if slowest.took > limits.advised {
            Verdict::Warn(finding)
        } else {
            Verdict::Pass
        })
    })
}

/// Each of `names` left out of `draft` in turn.
pub(super) async fn without_each(
    probe: &Probe,
    draft: &Draft,
    names: &[&str],
) -> Vec<(String, Heard)> {
    let mut heard = Vec::new();
    for name in names {
        let call = probe.call(draft.clone().without(name)).await;
        heard.push((format!("without {name}"), call));
    }
    heard
}
