//! Who is believed: signatures and times. All of it is tried on TestConnection, which changes nothing.

use std::time::Duration;

use turnkey_core::UtcMillis;

use super::tongue;
use crate::check::probe::{Draft, Probe, Signing};
use crate::check::verdict::{accepted, all_refused, refused};
use crate::check::{Note, Rule, Run, Stop, Verdict};

/// Beyond any sensible window of time.
const FAR_OFF: Duration = Duration::from_secs(24 * 3600);

/// A text in which the spellings of senders differ.
const DIFFICULT: &str = "规格 a~b*c";

/// A TestConnection with a parameter in which the spellings differ: one that the protocol has, so that
/// nobody refuses it for its name.
fn difficult(probe: &Probe) -> Result<Draft, Stop> {
    let name = tongue(probe).text;
    Ok(probe.test()?.with(name, DIFFICULT))
}

pub(in crate::check) static DOCUMENTED: Rule = Rule {
    title: [
        "a signature over the form-encoded query is accepted",
        "接受按文档做表单编码后的签名",
    ],
    fix: [
        "sort the parameters by name, form-encode them (a space is +, ~ stays), join with &, and sign \
         with HMAC-SHA256; put the value that you computed into the URL as its signature, and \
         `turnkey explain URL` names what made it",
        "按名字排序，做表单编码（空格是 +，~ 不变），用 & 连接，再算 HMAC-SHA256；\
         把您算出的值作为 signature 放进 URL，`turnkey explain URL` 会说出错在哪里",
    ],
    run: documented,
};

fn documented(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(accepted(&probe.call(difficult(probe)?).await)) })
}

pub(in crate::check) static AS_SENT: Rule = Rule {
    title: [
        "a signature over the query as it is sent is accepted (space as %20, * kept)",
        "接受按发送原样计算的签名（空格写成 %20，* 不转义）",
    ],
    fix: [
        "verify the pairs exactly as they stand in the raw query first, then your own encoding of them",
        "先按原始查询串的写法验签，再按自己的编码验签",
    ],
    run: as_sent,
};

fn as_sent(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(accepted(&probe.call(difficult(probe)?.respelt()).await)) })
}

pub(in crate::check) static PREFIXED: Rule = Rule {
    title: [
        "a signature with GET and a line break in front is accepted, as the official sample signs",
        "接受以 GET 加换行开头的签名（官方示例的写法）",
    ],
    fix: [
        "accept the signature of \"GET\\n\" + query beside that of the query alone",
        "除查询串本身的签名外，也接受 \"GET\\n\" + 查询串的签名",
    ],
    run: prefixed,
};

fn prefixed(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.send(probe.test()?, &Signing::Prefixed("GET\n")).await;
        Ok(accepted(&heard))
    })
}

pub(in crate::check) static HEADER_ONLY: Rule = Rule {
    title: [
        "the signature is taken from the header app_signature where the query has none",
        "查询串没有签名时，使用请求头 app_signature",
    ],
    fix: [
        "fall back to the header; nginx drops it unless underscores_in_headers is on",
        "查询串没有时读请求头；nginx 要打开 underscores_in_headers 才不会丢弃它",
    ],
    run: header_only,
};

fn header_only(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.send(probe.test()?, &Signing::HeaderOnly).await;
        Ok(accepted(&heard))
    })
}

pub(in crate::check) static QUERY_ONLY: Rule = Rule {
    title: [
        "the signature in the query is enough: a proxy may drop the header",
        "只有查询串里的签名也接受（代理可能丢弃请求头）",
    ],
    fix: [
        "take the signature from the query, and the header only where the query has none",
        "以查询串里的签名为准，没有时才用请求头",
    ],
    run: query_only,
};

fn query_only(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.send(probe.test()?, &Signing::QueryOnly).await;
        Ok(accepted(&heard))
    })
}

pub(in crate::check) static BAD: Rule = Rule {
    title: ["a wrong signature is refused", "拒绝错误的签名"],
    fix: [
        "compare the signature, in constant time, before anything is done",
        "做任何事之前先比较签名，并用固定时间的比较",
    ],
    run: bad,
};

fn bad(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        // As long as a right one.
        let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let mut heard = Vec::new();
        for text in [wrong, "", "!"] {
            let signing = Signing::Text(text.to_owned());
            let label = format!("signature {text:?}");
            heard.push((label, probe.send(probe.test()?, &signing).await));
        }
        Ok(all_refused(&heard))
    })
}

pub(in crate::check) static MISSING: Rule = Rule {
    title: [
        "a call without a signature is refused",
        "拒绝没有签名的调用",
    ],
    fix: [
        "refuse what has no signature: its absence is no reason to skip the check",
        "没有签名就拒绝，不能因为没有而跳过检查",
    ],
    run: missing,
};

fn missing(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.send(probe.test()?, &Signing::None).await;
        Ok(refused(&heard))
    })
}

pub(in crate::check) static REPEATED: Rule = Rule {
    title: [
        "a second signature parameter is refused",
        "拒绝出现两次的 signature 参数",
    ],
    fix: [
        "refuse a parameter that stands twice: which of the two counts would be a guess",
        "同名参数出现两次就拒绝：以哪个为准只能靠猜",
    ],
    run: repeated,
};

fn repeated(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
        let (behind, before) = (Signing::Behind(other.clone()), Signing::Before(other));
        let heard = [
            (
                "wrong then right".to_owned(),
                probe.send(probe.test()?, &behind).await,
            ),
            (
                "right then wrong".to_owned(),
                probe.send(probe.test()?, &before).await,
            ),
        ];
        Ok(all_refused(&heard))
    })
}

pub(in crate::check) static OTHER_KEY: Rule = Rule {
    title: [
        "a signature of another product's key is refused",
        "拒绝用其他商品的密钥做的签名",
    ],
    fix: [
        "verify with the key of the product that this URL belongs to, and with no other",
        "只用这个 URL 所属商品的密钥验签",
    ],
    run: other_key,
};

fn other_key(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let signing = Signing::By(probe.plan().other_key.clone());
        Ok(refused(&probe.send(probe.test()?, &signing).await))
    })
}

pub(in crate::check) static TAMPERED: Rule = Rule {
    title: [
        "a call that was changed after it was signed is refused",
        "拒绝签名之后被改动的调用",
    ],
    fix: [
        "sign every parameter but the signature, also those that you do not know",
        "除 signature 外的所有参数都参与签名，包括不认识的",
    ],
    run: tampered,
};

fn tampered(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        // Both are known parameters, so that a refusal is about the signature.
        let name = tongue(probe).text;
        let signed = probe.test()?.with(name, "a");
        let signature = probe.signature_of(&signed);
        let changed = signed.clone().with(name, "b");
        let added = signed.clone().with("order_id", "mord-added");
        let taken = signed.without(name);
        let mut heard = Vec::new();
        for (label, draft) in [
            ("changed", changed),
            ("added", added),
            ("taken away", taken),
        ] {
            let signing = Signing::Text(signature.clone());
            heard.push((
                format!("parameter {label}"),
                probe.send(draft, &signing).await,
            ));
        }
        Ok(all_refused(&heard))
    })
}

pub(in crate::check) static STALE: Rule = Rule {
    title: [
        "a call signed a day ago is refused",
        "拒绝一天之前签名的调用",
    ],
    fix: [
        "refuse what is older than a few minutes; whoever captures a call could send it for ever",
        "拒绝几分钟以前的调用，否则被截获的调用可以一直重放",
    ],
    run: stale,
};

fn stale(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(refused(&probe.call(timed(probe, Side::Past)?).await)) })
}

pub(in crate::check) static FUTURE: Rule = Rule {
    title: [
        "a call signed a day ahead is refused",
        "拒绝签名时间超前一天的调用",
    ],
    fix: [
        "refuse what is ahead by more than a few minutes: it stays valid until then",
        "拒绝超前几分钟以上的调用，否则它到那时之前一直有效",
    ],
    run: future,
};

fn future(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(refused(&probe.call(timed(probe, Side::Ahead)?).await)) })
}

#[derive(Clone, Copy)]
enum Side {
    Past,
    Ahead,
}

fn timed(probe: &Probe, side: Side) -> Result<Draft, Stop> {
    let far_ms = i64::try_from(FAR_OFF.as_millis()).unwrap_or(i64::MAX);
    let now = probe.now().0;
    let at = UtcMillis(match side {
        Side::Past => now.saturating_sub(far_ms),
        Side::Ahead => now.saturating_add(far_ms),
    });
    signed_at(probe, probe.test()?, at)
}

/// When `draft` is signed, as it says.
pub(in crate::check) fn time_of(probe: &Probe, draft: &Draft) -> String {
    draft.get(tongue(probe).time).unwrap_or_default()
}

/// `draft` as if it were signed at `at`.
pub(in crate::check) fn signed_at(
    probe: &Probe,
    draft: Draft,
    at: UtcMillis,
) -> Result<Draft, Stop> {
    if tongue(probe).time == "timestamp" {
        return Ok(draft.with("timestamp", &at.0.div_euclid(1000).to_string()));
    }
    let seconds = at.0.div_euclid(1000);
    let moment = jiff::Timestamp::from_second(seconds);
    let moment = moment.map_err(|error| Stop(Note::new(error.to_string(), error.to_string())))?;
    Ok(draft.with("time_stamp", &moment.to_string()))
}

pub(in crate::check) static UNTIMED: Rule = Rule {
    title: [
        "a call without a time, or with none that can be read, is refused",
        "拒绝没有时间或时间无法识别的调用",
    ],
    fix: [
        "require the time, and refuse what is none",
        "时间是必填项，不是时间就拒绝",
    ],
    run: untimed,
};

fn untimed(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let name = tongue(probe).time;
        let missing = probe.call(probe.test()?.without(name)).await;
        let unread = probe.call(probe.test()?.with(name, "yesterday")).await;
        let heard = [
            (format!("without {name}"), missing),
            (format!("{name}=yesterday"), unread),
        ];
        Ok(all_refused(&heard))
    })
}

pub(in crate::check) static STILL_GOOD: Rule = Rule {
    title: [
        "after everything malformed, a good call is still answered",
        "经过所有畸形调用之后，正常调用仍然成功",
    ],
    fix: [
        "no input may stop the server: catch what fails in one call, and answer it",
        "任何输入都不能让服务停下：单个调用的异常要捕获并应答",
    ],
    run: still_good,
};

fn still_good(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok::<Verdict, Stop>(accepted(&probe.call(probe.test()?).await)) })
}
