//! How the API answers: envelopes, lists, what it does not know, what is malformed. Nothing is bought.

use std::collections::BTreeMap;

use serde_json::Value;
use turnkey_core::storefront::{InstancesLook, Ticket};
use turnkey_core::{InstanceId, Intent, Look, OrderId};
use turnkey_dialects::OwnedRequest;
use turnkey_dialects::jdcloud::{Signer, Unsigned, Version, sign};

use super::{all_refused_with, answered, holds, is_text, list, refused_with};
use crate::check::probe::{Heard, Probe, WHO, Way, result};
use crate::check::{Note, Rule, Run, Stop};

pub(in crate::check) static REACHABLE: Rule = Rule {
    title: ["describePins is answered", "describePins 有应答"],
    fix: [
        "answer a signed describePins; if the signature is refused, `turnkey explain` says why",
        "对签名正确的 describePins 应答；如果是签名被拒，用 `turnkey explain` 看原因",
    ],
    run: reachable,
};

fn reachable(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(answered(&probe.pass(probe.ask(WHO)?).await)) })
}

pub(in crate::check) static ENVELOPE: Rule = Rule {
    title: [
        "answers are JSON with requestId and result",
        "应答是带 requestId 和 result 的 JSON",
    ],
    fix: [
        "send JSON with a requestId that is text, and a result that is an object: the SDKs take nothing \
         else",
        "返回 JSON，requestId 是字符串，result 是对象：SDK 只认这个",
    ],
    run: envelope,
};

fn envelope(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.pass(probe.ask(list())?).await;
        let body = heard.json().unwrap_or_default();
        let is_json = heard.answer.as_ref().is_ok_and(|answer| {
            let media_type = answer.content_type.split(';').next();
            media_type.is_some_and(|text| text.trim() == "application/json")
        });
        let is_good = is_json
            && is_text(body.get("requestId"))
            && body.get("result").is_some_and(Value::is_object);
        let expected = [
            "application/json with requestId and result",
            "application/json，带 requestId 和 result",
        ];
        Ok(holds(is_good, expected, &heard))
    })
}

pub(in crate::check) static REFUSAL: Rule = Rule {
    title: [
        "refusals are JSON with requestId and error",
        "拒绝是带 requestId 和 error 的 JSON",
    ],
    fix: [
        "send error {code, status, message}: code is a number and the HTTP status, the others are text; \
         Python's SDK takes an error without requestId for a success",
        "返回 error {code, status, message}：code 是数字且等于 HTTP 状态码，其余是字符串；没有 requestId 时 Python SDK 会当成成功",
    ],
    run: refusal,
};

fn refusal(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.pass(probe.ask(one_of(probe))?).await;
        let body = heard.json().unwrap_or_default();
        let error = body.get("error").cloned().unwrap_or_default();
        let status = heard.answer.as_ref().map(|answer| i64::from(answer.status));
        let is_good = is_text(body.get("requestId"))
            && error.get("code").and_then(Value::as_i64) == status.ok()
            && is_text(error.get("status"))
            && is_text(error.get("message"));
        let expected = [
            "requestId, and error with code (the status, a number), status and message",
            "requestId，以及 error：code（数字，等于状态码）、status、message",
        ];
        Ok(holds(is_good, expected, &heard))
    })
}

/// A look at an instance that nobody has.
fn one_of(probe: &Probe) -> Intent {
    Intent::Look(Look::Detail(InstanceId::new(probe.nobody())))
}

pub(in crate::check) static PINS: Rule = Rule {
    title: ["describePins lists accounts", "describePins 返回账号列表"],
    fix: [
        "answer {pins: [{pin: text}]}, without totalCount",
        "返回 {pins: [{pin: 字符串}]}，没有 totalCount",
    ],
    run: pins,
};

fn pins(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.pass(probe.ask(WHO)?).await;
        let pins = result(&heard).and_then(|result| result.get("pins")?.as_array().cloned());
        let is_good = pins.is_some_and(|pins| pins.iter().all(|pin| is_text(pin.get("pin"))));
        Ok(holds(
            is_good,
            ["pins, a list of {pin}", "pins，{pin} 的列表"],
            &heard,
        ))
    })
}

pub(in crate::check) static LIST: Rule = Rule {
    title: [
        "describeBastions has a list and a count",
        "describeBastions 有列表和总数",
    ],
    fix: [
        "bastions is a list, [] where there are none, and totalCount a whole number",
        "bastions 是数组，没有时是 []；totalCount 是整数",
    ],
    run: listed,
};

fn listed(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = probe.pass(probe.ask(list())?).await;
        let result = result(&heard).unwrap_or_default();
        let is_good = result.get("bastions").is_some_and(Value::is_array)
            && result.get("totalCount").is_some_and(Value::is_u64);
        let expected = ["bastions and totalCount", "bastions 和 totalCount"];
        Ok(holds(is_good, expected, &heard))
    })
}

pub(in crate::check) static PAGES: Rule = Rule {
    title: [
        "a page size out of range is no failure of the server",
        "超出范围的 pageSize 不会让服务器出错",
    ],
    fix: [
        "refuse it with 400 OUT_OF_RANGE, or take the nearest that is allowed",
        "用 400 OUT_OF_RANGE 拒绝，或取最接近的允许值",
    ],
    run: pages,
};

fn pages(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let page = |limit| {
            Intent::Look(Look::Instances(InstancesLook {
                tests: Vec::new(),
                newest_first: false,
                skip: 0,
                limit,
            }))
        };
        let heard = probe.pass(probe.ask(page(1_000_000))?).await;
        Ok(holds(
            is_calm(&heard),
            ["400, or a page", "400，或者一页"],
            &heard,
        ))
    })
}

pub(in crate::check) static UNKNOWN_IDS: Rule = Rule {
    title: ["an id that nobody has is 404", "没有人有的编号是 404"],
    fix: [
        "look an id up within the account and the region, and answer 404 NOT_FOUND where it is not there",
        "在该账户和地域内查找；找不到时返回 404 NOT_FOUND",
    ],
    run: unknown_ids,
};

fn unknown_ids(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = InstanceId::new(probe.nobody());
        let ticket = Ticket {
            sign: String::new(),
            sk: String::new(),
            at_s: 0,
        };
        let mut heard = Vec::new();
        for intent in [
            one_of(probe),
            Intent::Look(Look::Instance(id.clone())),
            Intent::Look(Look::Order(OrderId::new(probe.nobody()))),
            Intent::Look(Look::Ticket(id.clone(), ticket)),
            Intent::Release(id),
        ] {
            heard.push(probe.pass(probe.ask(intent)?).await);
        }
        Ok(all_refused_with(&heard, 404))
    })
}

pub(in crate::check) static UNKNOWN_ROUTE: Rule = Rule {
    title: ["a path that is no operation is 404", "不是接口的路径是 404"],
    fix: [
        "serve the documented paths and nothing else; there is no describeInstances",
        "只提供文档里的路径；没有 describeInstances",
    ],
    run: unknown_route,
};

fn unknown_route(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let path = format!("{}/instances", root(probe));
        let request = signed(probe, "GET", &path, b"")?;
        Ok(refused_with(&probe.pass(request).await, 404))
    })
}

pub(in crate::check) static OTHER_METHOD: Rule = Rule {
    title: ["another method is refused", "拒绝其他方法"],
    fix: [
        "answer 404 or 405 to a method that the operation does not have",
        "对该接口没有的方法返回 404 或 405",
    ],
    run: other_method,
};

fn other_method(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let path = format!("{}/pins", root(probe));
        let heard = probe.pass(signed(probe, "POST", &path, b"{}")?).await;
        let status = heard.answer.as_ref().map(|answer| answer.status);
        let is_good = status.is_ok_and(|status| (400..500).contains(&status));
        Ok(holds(is_good, ["404 or 405", "404 或 405"], &heard))
    })
}

pub(in crate::check) static BROKEN_BODY: Rule = Rule {
    title: ["a body that is no JSON is 400", "不是 JSON 的正文是 400"],
    fix: [
        "answer 400 INVALID_ARGUMENT; a signed body may still be nonsense",
        "返回 400 INVALID_ARGUMENT；签名正确的正文也可能是乱的",
    ],
    run: broken_body,
};

fn broken_body(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut heard = Vec::new();
        for body in [&b"{\"instanceSpec\": {"[..], b"[]", b"\xff\xfe", b""] {
            let path = format!("{}/instances", root(probe));
            heard.push(probe.pass(signed(probe, "POST", &path, body)?).await);
        }
        Ok(all_refused_with(&heard, 400))
    })
}

pub(in crate::check) static NO_SPEC: Rule = Rule {
    title: [
        "a purchase that does not say what is 400",
        "没有说买什么的下单是 400",
    ],
    fix: [
        "require instanceSpec with az, vpcId, subnetId, spec, quantity and ipVersion",
        "instanceSpec 及其 az、vpcId、subnetId、spec、quantity、ipVersion 是必填项",
    ],
    run: no_spec,
};

fn no_spec(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let path = format!("{}/instances", root(probe));
        let mut heard = Vec::new();
        for body in [
            &b"{}"[..],
            b"{\"instanceSpec\":null}",
            b"{\"instanceSpec\":{}}",
        ] {
            heard.push(probe.pass(signed(probe, "POST", &path, body)?).await);
        }
        Ok(all_refused_with(&heard, 400))
    })
}

pub(in crate::check) static UNKNOWN_MEMBER: Rule = Rule {
    title: [
        "a member that nobody documents is passed over",
        "忽略文档没有的成员",
    ],
    fix: [
        "read the members that you know; SDKs send regionId and instanceId in bodies, and more over time",
        "只读认识的成员；SDK 会在正文里带 regionId、instanceId，以后还会更多",
    ],
    run: unknown_member,
};

fn unknown_member(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let words = BTreeMap::from([("desc".to_owned(), "x".to_owned())]);
        let intent = Intent::Amend(InstanceId::new(probe.nobody()), words);
        let way = Way {
            extra: &[("turnkeyUnknown", "1")],
            ..Way::default()
        };
        // Nobody has the instance: whoever read the body says so.
        Ok(refused_with(
            &probe.pass(probe.ask_so(intent, &way)?).await,
            404,
        ))
    })
}

fn root(probe: &Probe) -> String {
    let region = probe.plan().buyer.as_ref();
    let region = region.map_or("", |buyer| buyer.region.as_str());
    format!("/v1/regions/{region}")
}

/// A request that no dialect spells, signed well.
fn signed(
    probe: &Probe,
    method: &'static str,
    path: &str,
    body: &[u8],
) -> Result<OwnedRequest, Stop> {
    let plan = probe.plan();
    let Some(buyer) = &plan.buyer else {
        return Err(Stop(Note::new("no account", "没有账户")));
    };
    let signer = Signer {
        version: Version::V2,
        access_key: &buyer.access_key,
        secret: &plan.key,
        region: &buyer.region,
        service: "bastion",
    };
    let (_, host) = plan.url.split_once("//").unwrap_or(("", &plan.url));
    let unsigned = Unsigned {
        method,
        path,
        query: "",
        host: host.split('/').next().unwrap_or_default(),
        headers: &[],
        body,
    };
    let nonce = format!("check-{}-{}-{}", plan.seed, probe.now().0, body.len());
    Ok(OwnedRequest {
        headers: sign(&signer, &unsigned, &nonce, probe.now())?,
        method,
        path: path.to_owned(),
        query: String::new(),
        body: body.to_vec(),
    })
}

/// Whether it is an answer below 500: not a failure of the server's own.
pub(super) fn is_calm(heard: &Heard) -> bool {
    heard
        .answer
        .as_ref()
        .is_ok_and(|answer| answer.status < 500)
}
