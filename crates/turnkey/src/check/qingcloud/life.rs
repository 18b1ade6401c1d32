//! What becomes of an instance: renewed, upgraded, expired, brought back, deleted; and of one that
//! nobody knows.

use super::form::without_each;
use super::tongue;
use crate::check::probe::{Draft, Heard, Mode, Probe};
use crate::check::verdict::{accepted, all_refused, each, expected_success};
use crate::check::{Finding, Note, Rule, Run, Stop, Verdict};

/// Calls `draft` three times; each must succeed.
async fn thrice(probe: &Probe, draft: Draft) -> Verdict {
    let mut heard = Vec::new();
    for label in ["first", "second", "third"] {
        heard.push((label.to_owned(), probe.call(draft.clone()).await));
    }
    each(&heard, Heard::is_yes, expected_success())
}

pub(in crate::check) static RENEW: Rule = Rule {
    title: [
        "a renewal succeeds, and so do its repeats",
        "续费成功，重复也成功",
    ],
    fix: [
        "extend the term once for each order_id, and answer repeats with success",
        "每个 order_id 只延长一次，重复时回答成功",
    ],
    run: renew,
};

fn renew(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = probe.instance("renew").await?;
        let draft = probe.renew(&probe.order("renew-r"), &id, Mode::Real)?;
        Ok(thrice(probe, draft).await)
    })
}

pub(in crate::check) static SAME_ORDER_OTHER_KIND: Rule = Rule {
    title: [
        "a renewal may have the order_id of the create",
        "续费可以和新购用同一个 order_id",
    ],
    fix: [
        "de-duplicate by action and order_id: the documentation's own examples use one for all three",
        "按 action 加 order_id 去重：文档示例里三个动作用的是同一个 order_id",
    ],
    run: same_order_other_kind,
};

fn same_order_other_kind(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = probe.instance("kind").await?;
        let heard = probe
            .call(probe.renew(&probe.order("kind"), &id, Mode::Real)?)
            .await;
        let verdict = accepted(&heard);
        if !matches!(verdict, Verdict::Pass) || heard.instance().is_none() {
            return Ok(verdict);
        }
        let expected = Note::new("the answer to a renewal", "续费的应答");
        let got = Note::new("the answer to the create", "新购的应答");
        Ok(Verdict::Broken(Finding::new(expected, got, &[&heard])))
    })
}

pub(in crate::check) static RENEW_CONFLICT: Rule = Rule {
    title: [
        "the same renewal with another term is refused",
        "拒绝 order_id 相同但时长不同的续费",
    ],
    fix: [
        "keep what was renewed, and refuse (409) the same order_id with other content",
        "保存续费内容；同一 order_id 内容不同就拒绝（409）",
    ],
    run: renew_conflict,
};

fn renew_conflict(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = probe.instance("renew2").await?;
        let draft = probe.renew(&probe.order("renew2-r"), &id, Mode::Real)?;
        needed(&probe.call(draft.clone()).await)?;
        let other = probe.call(draft.with(tongue(probe).period, "2_year")).await;
        Ok(all_refused(&[("other term".to_owned(), other)]))
    })
}

/// What has to succeed before anything can be looked at.
fn needed(heard: &Heard) -> Result<(), Stop> {
    if heard.is_yes() {
        return Ok(());
    }
    Err(Stop::needs_success(heard))
}

pub(in crate::check) static UPGRADE: Rule = Rule {
    title: [
        "an upgrade succeeds, and so do its repeats",
        "升级成功，重复也成功",
    ],
    fix: [
        "move the instance once for each order_id; to the plan that it has already is a success",
        "每个 order_id 只变更一次；变更到现有套餐也是成功",
    ],
    run: upgrade,
};

fn upgrade(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = probe.instance("upgrade").await?;
        let draft = probe.upgrade(&probe.order("upgrade-u"), &id, Mode::Real)?;
        Ok(thrice(probe, draft).await)
    })
}

pub(in crate::check) static EXPIRE: Rule = Rule {
    title: [
        "an expiry succeeds, and so do its repeats",
        "到期成功，重复也成功",
    ],
    fix: [
        "stop the service and keep its data; one that stands still already is a success",
        "停止服务、保留数据；已经停止的也回答成功",
    ],
    run: expire,
};

fn expire(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = probe.instance("expire").await?;
        Ok(thrice(probe, probe.expire(&id, Mode::Real)?).await)
    })
}

pub(in crate::check) static BRING_BACK: Rule = Rule {
    title: [
        "a renewal brings back what had expired",
        "续费恢复已到期的实例",
    ],
    fix: [
        "let a renewal of an expired instance succeed, and start its service again",
        "已到期的实例续费要成功，并恢复服务",
    ],
    run: bring_back,
};

fn bring_back(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = probe.instance("back").await?;
        needed(&probe.call(probe.expire(&id, Mode::Real)?).await)?;
        let renewed = probe.renew(&probe.order("back-r"), &id, Mode::Real)?;
        Ok(accepted(&probe.call(renewed).await))
    })
}

pub(in crate::check) static DELETE: Rule = Rule {
    title: [
        "a deletion succeeds, and so do its repeats",
        "删除成功，重复也成功",
    ],
    fix: [
        "remove the instance; one of yours that is gone already is a success",
        "删除实例；自己的实例已经删除过也回答成功",
    ],
    run: delete,
};

fn delete(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let id = probe.instance("delete").await?;
        if probe.has_dry_runs() {
            needed(&probe.call(probe.expire(&id, Mode::Real)?).await)?;
        }
        Ok(thrice(probe, probe.delete(&id, Mode::Real)?).await)
    })
}

/// `draft` names an instance that nobody knows. A dry run may be lenient.
async fn unknown(probe: &Probe, draft: Draft) -> Verdict {
    let heard = probe.call(draft).await;
    let mut verdict = all_refused(&[("unknown id".to_owned(), heard)]);
    if let Verdict::Broken(finding) = &verdict
        && !probe.plan().live
    {
        verdict = Verdict::Warn(finding.clone());
    }
    verdict
}

fn mode(probe: &Probe) -> Mode {
    if probe.plan().live {
        Mode::Real
    } else {
        Mode::Dry
    }
}

const UNKNOWN_FIX: [&str; 2] = [
    "look the instance up first, among those of this product, and refuse (404) what is not there",
    "先在这个商品的实例里查找，没有就拒绝（404）",
];

pub(in crate::check) static RENEW_UNKNOWN: Rule = Rule {
    title: [
        "a renewal of an unknown instance is refused",
        "拒绝续费未知的实例",
    ],
    fix: UNKNOWN_FIX,
    run: renew_unknown,
};

fn renew_unknown(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.renew(&probe.order("nobody-r"), &probe.nobody(), mode(probe))?;
        Ok(unknown(probe, draft).await)
    })
}

pub(in crate::check) static UPGRADE_UNKNOWN: Rule = Rule {
    title: [
        "an upgrade of an unknown instance is refused",
        "拒绝升级未知的实例",
    ],
    fix: UNKNOWN_FIX,
    run: upgrade_unknown,
};

fn upgrade_unknown(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.upgrade(&probe.order("nobody-u"), &probe.nobody(), mode(probe))?;
        Ok(unknown(probe, draft).await)
    })
}

pub(in crate::check) static EXPIRE_UNKNOWN: Rule = Rule {
    title: [
        "an expiry of an unknown instance is refused",
        "拒绝让未知的实例到期",
    ],
    fix: UNKNOWN_FIX,
    run: expire_unknown,
};

fn expire_unknown(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(unknown(probe, probe.expire(&probe.nobody(), mode(probe))?).await) })
}

pub(in crate::check) static DELETE_UNKNOWN: Rule = Rule {
    title: [
        "a deletion of an unknown instance is refused",
        "拒绝删除未知的实例",
    ],
    fix: UNKNOWN_FIX,
    run: delete_unknown,
};

fn delete_unknown(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(unknown(probe, probe.delete(&probe.nobody(), mode(probe))?).await) })
}

pub(in crate::check) static MISSING: Rule = Rule {
    title: [
        "what says nothing about which instance or order is refused",
        "拒绝没有说明实例或订单的调用",
    ],
    fix: [
        "require instance_id, and order_id where it is documented",
        "instance_id 是必填项；文档要求 order_id 时也是",
    ],
    run: missing,
};

fn missing(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let (nobody, mode) = (probe.nobody(), mode(probe));
        let words = tongue(probe);
        let renew = probe.renew(&probe.order("missing-r"), &nobody, mode)?;
        let mut heard = without_each(probe, &renew, words.renew).await;
        let upgrade = probe.upgrade(&probe.order("missing-u"), &nobody, mode)?;
        heard.extend(without_each(probe, &upgrade, words.upgrade).await);
        let expire = probe.expire(&nobody, mode)?;
        heard.extend(without_each(probe, &expire, &["instance_id"]).await);
        let delete = probe.delete(&nobody, mode)?;
        heard.extend(without_each(probe, &delete, &["instance_id"]).await);
        Ok(all_refused(&heard))
    })
}

pub(in crate::check) static OTHER_PRODUCTS: Rule = Rule {
    title: [
        "an instance answers only to the product that it was bought from",
        "实例只听从它所属的商品",
    ],
    fix: [
        "look instances up among those of the product whose key signed",
        "只在签名密钥所属商品的实例里查找",
    ],
    run: other_products,
};

fn other_products(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        if probe.plan().other_url.is_none() {
            return Err(Stop(Note::new(
                "needs --other-url and --other-key of another product",
                "需要另一个商品的 --other-url 和 --other-key",
            )));
        }
        let id = probe.instance("other").await?;
        let heard = probe.call(probe.expire_at_other(&id)?).await;
        Ok(all_refused(&[("at the other product".to_owned(), heard)]))
    })
}
