//! Who may call: signatures of both versions, and everything that is none.

use std::collections::BTreeMap;

use turnkey_core::{InstanceId, Intent};
use turnkey_dialects::OwnedRequest;

use super::{answered, list, refused_with};
use crate::check::probe::{Probe, WHO, Way};
use crate::check::{Rule, Run, Stop};

/// Farther than any window, in milliseconds.
const FAR_MS: i64 = 86_400_000;

const REFUSE: [&str; 2] = [
    "refuse with 401 ACCESS_ERROR before anything else is looked at",
    "先验签，不对就返回 401 ACCESS_ERROR",
];

pub(in crate::check) static V2: Rule = Rule {
    title: [
        "JDCLOUD2-HMAC-SHA256 is accepted",
        "接受 JDCLOUD2-HMAC-SHA256",
    ],
    fix: [
        "verify as JD Cloud documents it; `turnkey explain` shows where yours differs",
        "按京东云文档验签；`turnkey explain` 会指出差在哪里",
    ],
    run: v2,
};

fn v2(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(answered(&probe.pass(probe.ask(list())?).await)) })
}

pub(in crate::check) static V3: Rule = Rule {
    title: [
        "JDCLOUD3-HMAC-SHA256 is accepted",
        "接受 JDCLOUD3-HMAC-SHA256",
    ],
    fix: [
        "the Python SDK signs so since 2021: three words differ",
        "Python SDK 从 2021 年起这样签名：只有三处不同",
    ],
    run: v3,
};

fn v3(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let way = Way {
            extra: &[("signing", "v3")],
            ..Way::default()
        };
        Ok(answered(&probe.pass(probe.ask_so(list(), &way)?).await))
    })
}

pub(in crate::check) static BAD: Rule = Rule {
    title: ["a wrong signature is refused", "拒绝错误的签名"],
    fix: REFUSE,
    run: bad,
};

fn bad(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut request = probe.ask(WHO)?;
        if let Some(authorization) = authorization(&mut request) {
            let kept = authorization.len().saturating_sub(64);
            authorization.truncate(kept);
            authorization.push_str(&"0".repeat(64));
        }
        Ok(refused_with(&probe.pass(request).await, 401))
    })
}

pub(in crate::check) static MISSING: Rule = Rule {
    title: [
        "a call without a signature is refused",
        "拒绝没有签名的调用",
    ],
    fix: REFUSE,
    run: missing,
};

fn missing(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut request = probe.ask(WHO)?;
        request.headers.retain(|(name, _)| *name != "authorization");
        Ok(refused_with(&probe.pass(request).await, 401))
    })
}

pub(in crate::check) static OTHER_KEY: Rule = Rule {
    title: [
        "a signature of another secret is refused",
        "拒绝用其他密钥签的名",
    ],
    fix: REFUSE,
    run: other_key,
};

fn other_key(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let way = Way {
            secret: Some(probe.plan().other_key.clone()),
            ..Way::default()
        };
        Ok(refused_with(
            &probe.pass(probe.ask_so(WHO, &way)?).await,
            401,
        ))
    })
}

pub(in crate::check) static NOBODY: Rule = Rule {
    title: [
        "an access key that nobody has is refused",
        "拒绝不存在的 access key",
    ],
    fix: REFUSE,
    run: nobody,
};

fn nobody(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let way = Way {
            access_key: Some("turnkey-check-nobody"),
            ..Way::default()
        };
        Ok(refused_with(
            &probe.pass(probe.ask_so(WHO, &way)?).await,
            401,
        ))
    })
}

pub(in crate::check) static TAMPERED_QUERY: Rule = Rule {
    title: [
        "a query that was changed after signing is refused",
        "拒绝签名后被改过的查询串",
    ],
    fix: [
        "sign the query as it came, all of it",
        "对收到的整个查询串验签",
    ],
    run: tampered_query,
};

fn tampered_query(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut request = probe.ask(list())?;
        request.query = request.query.replace("pageSize=20", "pageSize=30");
        Ok(refused_with(&probe.pass(request).await, 401))
    })
}

pub(in crate::check) static TAMPERED_BODY: Rule = Rule {
    title: [
        "a body that was changed after signing is refused",
        "拒绝签名后被改过的正文",
    ],
    fix: [
        "sign the digest of the body's bytes, before they are parsed",
        "对正文字节的摘要验签，先验签再解析",
    ],
    run: tampered_body,
};

fn tampered_body(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let words = |text: &str| BTreeMap::from([("desc".to_owned(), text.to_owned())]);
        let amend = |text: &str| Intent::Amend(InstanceId::new(probe.nobody()), words(text));
        let mut request = probe.ask(amend("one"))?;
        request.body = probe.ask(amend("two"))?.body;
        Ok(refused_with(&probe.pass(request).await, 401))
    })
}

pub(in crate::check) static STALE: Rule = Rule {
    title: ["a call signed a day ago is refused", "拒绝一天前签名的调用"],
    fix: [
        "compare x-jdcloud-date with your clock, within some minutes",
        "把 x-jdcloud-date 与本机时间比较，只允许几分钟的差",
    ],
    run: stale,
};

fn stale(probe: &Probe) -> Run<'_> {
    Box::pin(async { signed_at(probe, -FAR_MS).await })
}

pub(in crate::check) static FUTURE: Rule = Rule {
    title: [
        "a call signed for tomorrow is refused",
        "拒绝签名时间在明天的调用",
    ],
    fix: [
        "the window has two sides: what is signed for tomorrow can be sent until then",
        "时间窗口有两边：签到明天的调用在那之前都能重放",
    ],
    run: future,
};

fn future(probe: &Probe) -> Run<'_> {
    Box::pin(async { signed_at(probe, FAR_MS).await })
}

async fn signed_at(probe: &Probe, ahead_ms: i64) -> Result<crate::check::Verdict, Stop> {
    let way = Way {
        ahead_ms,
        ..Way::default()
    };
    Ok(refused_with(
        &probe.pass(probe.ask_so(WHO, &way)?).await,
        401,
    ))
}

pub(in crate::check) static STILL_GOOD: Rule = Rule {
    title: [
        "after all that a good call is still answered",
        "经过以上种种，正确的调用仍有应答",
    ],
    fix: [
        "a malformed call must not take the server down, nor lock the account",
        "畸形的调用不能让服务器停下，也不能锁住账户",
    ],
    run: v2,
};

fn authorization(request: &mut OwnedRequest) -> Option<&mut String> {
    let mut headers = request.headers.iter_mut();
    headers
        .find(|(name, _)| *name == "authorization")
        .map(|(_, value)| value)
}
