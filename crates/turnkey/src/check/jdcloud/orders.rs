//! What is bought: that one order is one purchase however often it comes, and the life of a bastion.

use std::collections::BTreeMap;

use serde_json::Value;
use turnkey_core::{
    ChangePlan, InstanceId, Intent, Look, OrderKey, OrderRef, Period, Purchase, Reason, Unit,
};

use super::form::is_calm;
use super::{holds, is_text, refused_with};
use crate::check::probe::{Heard, Probe, is_done, result, sources};
use crate::check::{Note, Rule, Run, Stop, Verdict};

/// How many calls are made at once.
const AT_ONCE: usize = 8;

/// Text that JSON escapers treat in four ways (jdcloud-bastion §3.6).
const TEXT: &str = "堡垒机 <b>&/\\\" 🙂";

const TOKEN: [&str; 2] = [
    "take x-turnkey-purchase-token or clientToken as the name of the purchase; the API of the cloud has \
     none, so a lost answer there means buying twice",
    "把 x-turnkey-purchase-token 或 clientToken 当作购买的名字；云的原接口没有，应答丢失就会买两次",
];

pub(in crate::check) static CREATE: Rule = Rule {
    title: [
        "createInstance names a purchase and one order for each unit",
        "createInstance 返回购买编号和每台一个订单",
    ],
    fix: [
        "answer {buyId, sourceIds: [{sourceId}]}, as many as quantity",
        "返回 {buyId, sourceIds: [{sourceId}]}，个数等于 quantity",
    ],
    run: create,
};

fn create(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = bought(probe, "create").await?;
        let result = result(&heard).unwrap_or_default();
        let is_good = is_text(result.get("buyId")) && sources(&heard).len() == 1;
        Ok(holds(
            is_good,
            ["buyId and one sourceId", "buyId 和一个 sourceId"],
            &heard,
        ))
    })
}

async fn bought(probe: &Probe, label: &str) -> Result<Heard, Stop> {
    let purchase = probe.purchase(label, &probe.plan().spec);
    Ok(probe.pass(probe.ask(purchase)?).await)
}

pub(in crate::check) static OUT_OF_RANGE: Rule = Rule {
    title: ["what is not sold is refused", "拒绝没有在卖的东西"],
    fix: [
        "refuse an unknown spec, no quantity and a duration beyond 9 months with 400",
        "未知规格、数量为 0、超过 9 个月，都返回 400",
    ],
    run: out_of_range,
};

fn out_of_range(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let spec = probe.plan().spec.clone();
        let changed = |label: &str, change: &dyn Fn(&mut Purchase)| {
            let mut intent = probe.purchase(label, &spec);
            if let Intent::Buy(purchase) = &mut intent {
                change(purchase);
            }
            intent
        };
        let ten = Period::new(10, Unit::Month).unwrap_or(Period::MONTH);
        let mut heard = Vec::new();
        for intent in [
            changed("spec", &|p| "turnkey-no-such-spec".clone_into(&mut p.spec)),
            changed("none", &|p| p.quantity = 0),
            changed("long", &|p| p.period = ten),
        ] {
            heard.push(probe.pass(probe.ask(intent)?).await);
        }
        Ok(super::all_refused_with(&heard, 400))
    })
}

pub(in crate::check) static SOURCE: Rule = Rule {
    title: [
        "an order leads to its bastion, which comes to run",
        "订单能查到实例，并且实例会运行",
    ],
    fix: [
        "answer describeSourceId with the bastion: bid, instanceId, regionId, spec, and status 1 once it \
         runs",
        "describeSourceId 返回 bastion：bid、instanceId、regionId、spec，运行后 status 为 1",
    ],
    run: source,
};

fn source(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let heard = bought(probe, "source").await?;
        let Some(source) = sources(&heard).into_iter().next() else {
            return Err(Stop(Note::new("nothing was ordered", "没有下成单")));
        };
        let (heard, bastion) = match probe.bastion(&source).await {
            Ok(found) => found,
            Err(_) => return Ok(holds(false, ["status 1", "status 为 1"], &heard)),
        };
        let plan = probe.plan();
        let region = plan.buyer.as_ref().map(|buyer| buyer.region.as_str());
        let is_good = is_text(bastion.get("bid"))
            && is_text(bastion.get("instanceId"))
            && bastion.get("regionId").and_then(Value::as_str) == region
            && bastion.get("spec").and_then(Value::as_str) == Some(&plan.spec);
        let expected = [
            "bid, instanceId, regionId and spec",
            "bid、instanceId、regionId 和 spec",
        ];
        Ok(holds(is_good, expected, &heard))
    })
}

pub(in crate::check) static REPEAT: Rule = Rule {
    title: [
        "the same token is the same purchase",
        "相同的令牌是同一次购买",
    ],
    fix: TOKEN,
    run: repeat,
};

fn repeat(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let first = bought(probe, "repeat").await?;
        let second = bought(probe, "repeat").await?;
        Ok(is_one(&[first, second]))
    })
}

pub(in crate::check) static PARALLEL: Rule = Rule {
    title: [
        "the same token eight times at once is one purchase",
        "相同的令牌同时来八次是同一次购买",
    ],
    fix: TOKEN,
    run: parallel,
};

fn parallel(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let purchase = probe.purchase("parallel", &probe.plan().spec);
        let requests: Result<Vec<_>, _> =
            (0..AT_ONCE).map(|_| probe.ask(purchase.clone())).collect();
        Ok(is_one(&probe.pass_at_once(requests?).await))
    })
}

pub(in crate::check) static LOST: Rule = Rule {
    title: [
        "after a lost answer the same token finds the purchase",
        "应答丢失后，相同的令牌能找到那次购买",
    ],
    fix: TOKEN,
    run: lost,
};

fn lost(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let purchase = probe.purchase("lost", &probe.plan().spec);
        let hung_up = probe.pass_unheard(probe.ask(purchase)?).await;
        if !hung_up.is_hung_up() {
            return Err(Stop::needs_sending(&hung_up));
        }
        let first = bought(probe, "lost").await?;
        let second = bought(probe, "lost").await?;
        Ok(is_one(&[first, second]))
    })
}

/// All must be answered with one and the same purchase.
fn is_one(heard: &[Heard]) -> Verdict {
    let first = heard.first().map(sources).unwrap_or_default();
    let is_other = |heard: &&Heard| first.is_empty() || sources(heard) != first;
    match heard.iter().find(is_other) {
        Some(other) => holds(false, ["the same order", "同一个订单"], other),
        None => Verdict::Pass,
    }
}

pub(in crate::check) static ANOTHER: Rule = Rule {
    title: [
        "another token is another purchase",
        "不同的令牌是不同的购买",
    ],
    fix: [
        "never answer a purchase with the order of another",
        "不要用别的订单来应答",
    ],
    run: another,
};

fn another(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let first = bought(probe, "another1").await?;
        let second = bought(probe, "another2").await?;
        let is_good = !sources(&second).is_empty() && sources(&first) != sources(&second);
        Ok(holds(
            is_good,
            ["an order of its own", "各自的订单"],
            &second,
        ))
    })
}

pub(in crate::check) static SHOWN: Rule = Rule {
    title: [
        "describeBastion and describeInstance show the same bastion",
        "describeBastion 和 describeInstance 显示同一个实例",
    ],
    fix: [
        "both answer {bastion: …}, and either takes bid and instanceId",
        "两个接口都返回 {bastion: …}，bid 和 instanceId 都能用",
    ],
    run: shown,
};

fn shown(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = InstanceId::new(probe.bought("shown").await?);
        for look in [Look::Instance(id.clone()), Look::Detail(id.clone())] {
            let heard = probe.pass(probe.ask(Intent::Look(look))?).await;
            let shown = result(&heard).unwrap_or_default();
            let shown = shown
                .get("bastion")
                .and_then(|bastion| bastion.get("instanceId"));
            if shown.and_then(Value::as_str) != Some(id.as_str()) {
                return Ok(holds(false, ["the bastion", "该实例"], &heard));
            }
        }
        Ok(Verdict::Pass)
    })
}

pub(in crate::check) static DESCRIBED: Rule = Rule {
    title: [
        "a description is read back as it was written",
        "描述写成什么样就读到什么样",
    ],
    fix: [
        "keep the decoded text: SDKs escape the same text in four ways",
        "保存解码后的文本：各 SDK 对同一文本的转义不同",
    ],
    run: described,
};

fn described(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = InstanceId::new(probe.bought("described").await?);
        let words = BTreeMap::from([("desc".to_owned(), TEXT.to_owned())]);
        let heard = probe
            .pass(probe.ask(Intent::Amend(id.clone(), words))?)
            .await;
        if !is_done(&heard) {
            return Ok(holds(false, ["result: true", "result: true"], &heard));
        }
        let heard = probe
            .pass(probe.ask(Intent::Look(Look::Instance(id)))?)
            .await;
        let shown = result(&heard).unwrap_or_default();
        let desc = shown.get("bastion").and_then(|bastion| bastion.get("desc"));
        let is_same = desc.and_then(Value::as_str) == Some(TEXT);
        Ok(holds(is_same, ["the same text", "相同的文本"], &heard))
    })
}

pub(in crate::check) static RESIZED_TO_THE_SAME: Rule = Rule {
    title: ["only a larger size is taken", "只能升配"],
    fix: [
        "refuse an equal or smaller spec with 400",
        "相同或更小的规格返回 400",
    ],
    run: resized_to_the_same,
};

fn resized_to_the_same(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = InstanceId::new(probe.bought("resized").await?);
        let resize = Intent::ChangePlan(ChangePlan {
            order: OrderRef {
                key: OrderKey::new(probe.order("same-size")),
                content: turnkey_core::Digest::of(&[]),
            },
            instance: id,
            spec: probe.plan().spec.clone(),
            package: None,
            period: Period::MONTH,
        });
        Ok(refused_with(&probe.pass(probe.ask(resize)?).await, 400))
    })
}

pub(in crate::check) static DELETED_TOO_EARLY: Rule = Rule {
    title: [
        "what is still paid for is not deleted",
        "还在付费期内的不能删除",
    ],
    fix: [
        "answer 400 FAILED_PRECONDITION until the status is 13",
        "status 不是 13 时返回 400 FAILED_PRECONDITION",
    ],
    run: deleted_too_early,
};

fn deleted_too_early(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = InstanceId::new(probe.bought("early").await?);
        Ok(refused_with(
            &probe.pass(probe.ask(Intent::Release(id))?).await,
            400,
        ))
    })
}

pub(in crate::check) static ENDED_AND_STARTED: Rule = Rule {
    title: [
        "13 ends the service, 1 restores it, repeats change nothing",
        "13 停止服务，1 恢复服务，重复不改变什么",
    ],
    fix: [
        "take status as the state that is wanted, and show it at once",
        "把 status 当作想要的状态，并立即显示出来",
    ],
    run: ended_and_started,
};

fn ended_and_started(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = InstanceId::new(probe.bought("ended").await?);
        let end = || Intent::Suspend(id.clone(), Reason::Marketplace);
        let start = || Intent::Resume(id.clone(), Reason::Marketplace);
        for (intent, status) in [(end(), 13), (end(), 13), (start(), 1), (start(), 1)] {
            let heard = probe.pass(probe.ask(intent)?).await;
            if !is_done(&heard) {
                return Ok(holds(false, ["result: true", "result: true"], &heard));
            }
            let heard = probe
                .pass(probe.ask(Intent::Look(Look::Instance(id.clone())))?)
                .await;
            let shown = result(&heard).unwrap_or_default();
            let shown = shown
                .get("bastion")
                .and_then(|bastion| bastion.get("status"));
            if shown.and_then(Value::as_i64) != Some(status) {
                return Ok(holds(
                    false,
                    ["the state that was set", "刚设定的状态"],
                    &heard,
                ));
            }
        }
        Ok(Verdict::Pass)
    })
}

pub(in crate::check) static DELETED: Rule = Rule {
    title: [
        "after its end a bastion is deleted, and gone",
        "到期后可以删除，删除后就没有了",
    ],
    fix: [
        "answer {result: true}, and 404 NOT_FOUND to whatever names it afterwards",
        "返回 {result: true}，之后对它的任何调用返回 404 NOT_FOUND",
    ],
    run: deleted,
};

fn deleted(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = InstanceId::new(probe.bought("deleted").await?);
        for intent in [
            Intent::Suspend(id.clone(), Reason::Marketplace),
            Intent::Release(id.clone()),
        ] {
            let heard = probe.pass(probe.ask(intent)?).await;
            if !is_done(&heard) {
                return Ok(holds(false, ["result: true", "result: true"], &heard));
            }
        }
        let again = probe.pass(probe.ask(Intent::Release(id.clone()))?).await;
        if !is_calm(&again) {
            return Ok(refused_with(&again, 404));
        }
        let look = Intent::Look(Look::Detail(id));
        Ok(refused_with(&probe.pass(probe.ask(look)?).await, 404))
    })
}
