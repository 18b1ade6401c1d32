//! Creates: their answer, and that one order is one instance however often it comes.

use turnkey_core::UtcMillis;

use super::form::without_each;
use super::shape::sample;
use super::signature::signed_at;
use super::tongue;
use crate::check::probe::{Heard, Mode, Probe};
use crate::check::verdict::{accepted, all_refused, refused};
use crate::check::{Finding, Note, Rule, Run, Stop, Verdict};

/// How many calls are made at once.
const AT_ONCE: usize = 8;

pub(in crate::check) static CREATE: Rule = Rule {
    title: ["a create is answered with success", "新购应答成功"],
    fix: [
        "check that --spec and --package name a plan that you sell, and --product-code your product",
        "确认 --spec 和 --package 是您在卖的套餐，--product-code 是您的商品",
    ],
    run: create,
};

fn create(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(accepted(probe.sample().await?)) })
}

pub(in crate::check) static DRY_REPEAT: Rule = Rule {
    title: ["a debug create may be repeated", "调试新购可以重复"],
    fix: [
        "keep nothing of a debug call, so that the next one is answered like the first",
        "调试调用什么都不保存，这样下一次的应答和第一次一样",
    ],
    run: dry_repeat,
};

fn dry_repeat(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        sample(probe).await?;
        let draft = probe.create(&probe.order("sample"), Mode::Dry)?;
        Ok(accepted(&probe.call(draft).await))
    })
}

pub(in crate::check) static NO_ORDER: Rule = Rule {
    title: [
        "a create without order_id is refused",
        "拒绝没有 order_id 的新购",
    ],
    fix: [
        "require order_id: without it a repeat cannot be told from a second purchase",
        "order_id 是必填项：没有它就分不清重试和再次购买",
    ],
    run: no_order,
};

fn no_order(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.create(&probe.order("none"), Mode::Dry)?;
        Ok(refused(&probe.call(draft.without("order_id")).await))
    })
}

pub(in crate::check) static CREATE_MISSING: Rule = Rule {
    title: [
        "a create without a required parameter is refused",
        "拒绝缺少必填参数的新购",
    ],
    fix: [
        "refuse it with 400 rather than deliver something that nobody chose",
        "要拒绝，而不是交付没有人选的东西",
    ],
    run: create_missing,
};

fn create_missing(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.create(&probe.order("missing"), Mode::Dry)?;
        Ok(all_refused(
            &without_each(probe, &draft, tongue(probe).create).await,
        ))
    })
}

pub(in crate::check) static BAD_PERIOD: Rule = Rule {
    title: [
        "a term that cannot be read is refused",
        "拒绝无法识别的时长",
    ],
    fix: [
        "take a count of 1 or more and day, month or year, such as 1_month, and nothing else",
        "只接受 1 以上的数字加 day、month 或 year，例如 1_month",
    ],
    run: bad_period,
};

fn bad_period(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut heard = Vec::new();
        for (n, text) in [
            "", "month", "1", "0_month", "-1_month", "1_week", "1.5_year",
        ]
        .iter()
        .enumerate()
        {
            let draft = probe.create(&probe.order(&format!("term{n}")), Mode::Dry)?;
            let draft = draft.with(tongue(probe).period, text);
            heard.push((format!("{text:?}"), probe.call(draft).await));
        }
        Ok(all_refused(&heard))
    })
}

pub(in crate::check) static OPTIONAL: Rule = Rule {
    title: [
        "what a create may leave out may be missing",
        "新购可以不带可选参数",
    ],
    fix: [
        "do without what the documentation's own examples leave out; no debug means debug=0",
        "文档示例里没有的参数可以缺少；没有 debug 就是 debug=0",
    ],
    run: optional,
};

fn optional(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let mut draft = probe.create(&probe.order("optional"), Mode::Real)?;
        for name in tongue(probe).optional {
            draft = draft.without(name);
        }
        Ok(accepted(&probe.call(draft).await))
    })
}

pub(in crate::check) static OPTIONAL_TEST: Rule = Rule {
    title: [
        "a call without debug is accepted",
        "没有 debug 参数的调用也接受",
    ],
    fix: [
        "take a missing debug as debug=0",
        "没有 debug 就当作 debug=0",
    ],
    run: optional_test,
};

fn optional_test(probe: &Probe) -> Run<'_> {
    Box::pin(async { Ok(accepted(&probe.call(probe.test()?.without("debug")).await)) })
}

pub(in crate::check) static DEBUG_MAKES_NOTHING: Rule = Rule {
    title: ["debug=1 creates nothing", "debug=1 不创建任何东西"],
    fix: [
        "check the order and answer in the full form, but make, keep and count nothing",
        "只检查订单并按完整格式应答，不创建、不保存、不计数",
    ],
    run: debug_makes_nothing,
};

fn debug_makes_nothing(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let order = probe.order("debug");
        let dry = probe.call(probe.create(&order, Mode::Dry)?).await;
        let id = dry.instance().ok_or_else(|| Stop::needs_instance(&dry))?;
        let renewed = probe
            .call(probe.renew(&probe.order("debug-r"), &id, Mode::Real)?)
            .await;
        if renewed.is_calm_no() {
            return Ok(Verdict::Pass);
        }
        if !renewed.is_yes() {
            return Err(Stop::needs_answer(&renewed));
        }
        probe.made(id.clone());
        let expected = Note::new(
            "an instance that a debug call named is not there",
            "调试调用给出的实例并不存在",
        );
        let got = Note::new("a real renewal of it succeeded", "对它的真实续费成功了");
        Ok(Verdict::Broken(Finding::new(
            expected,
            got,
            &[&dry, &renewed],
        )))
    })
}

pub(in crate::check) static REPEAT: Rule = Rule {
    title: [
        "a repeated create is the same instance",
        "重复的新购是同一个实例",
    ],
    fix: [
        "keep the order and its instance in one transaction, unique by order_id, and answer repeats from it",
        "把订单和实例保存在同一事务中，以 order_id 为唯一键，重复时从中应答",
    ],
    run: repeat,
};

fn repeat(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.create(&probe.order("repeat"), Mode::Real)?;
        let mut heard = Vec::new();
        for _ in 0..3 {
            heard.push(probe.call(draft.clone()).await);
        }
        same_instance(&heard)
    })
}

/// All of `heard` must name one instance.
fn same_instance(heard: &[Heard]) -> Result<Verdict, Stop> {
    let Some(first) = heard.iter().find_map(Heard::instance) else {
        return Err(heard
            .first()
            .map_or(Stop(Note::new("", "")), Stop::needs_instance));
    };
    let other = heard
        .iter()
        .find(|heard| heard.instance().as_ref() != Some(&first));
    let Some(other) = other else {
        return Ok(Verdict::Pass);
    };
    let named = heard.iter().find(|heard| heard.instance().is_some());
    let got = match other.instance() {
        Some(id) => Note::new(
            format!("{first:?}, then {id:?}"),
            format!("先是 {first:?}，后是 {id:?}"),
        ),
        None => {
            let short = other.in_short();
            Note::new(
                format!("{first:?}, and once: {}", short.en),
                format!("{first:?}，另有一次：{}", short.zh),
            )
        }
    };
    let expected = Note::new("the same instanceId each time", "每次都是同一个 instanceId");
    let shown: Vec<&Heard> = named.into_iter().chain([other]).collect();
    Ok(Verdict::Broken(Finding::new(expected, got, &shown)))
}

pub(in crate::check) static SAME_BODY: Rule = Rule {
    title: [
        "a repeated create is answered with the same body",
        "重复的新购应答的正文相同",
    ],
    fix: [
        "keep what was answered, and answer that again: a new password would lock the buyer out",
        "保存并重发第一次的应答：换了密码买家就登录不了",
    ],
    run: same_body,
};

fn same_body(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.create(&probe.order("body"), Mode::Real)?;
        let first = probe.call(draft.clone()).await;
        let again = probe.call(draft).await;
        if first.instance().is_none() || first.instance() != again.instance() {
            return Err(Stop(Note::new(
                "needs a repeat that names the same instance",
                "需要重复时返回同一个实例",
            )));
        }
        if first.json() == again.json() {
            return Ok(Verdict::Pass);
        }
        let expected = Note::new("the same body", "同样的正文");
        let got = Note::new(
            "another body (passwords are not shown)",
            "正文不同（密码不显示）",
        );
        Ok(Verdict::Broken(Finding::new(
            expected,
            got,
            &[&first, &again],
        )))
    })
}

pub(in crate::check) static PARALLEL: Rule = Rule {
    title: [
        "eight creates of one order at once are one instance",
        "同一订单的八个并发新购是同一个实例",
    ],
    fix: [
        "let the database decide who is first (a unique index), and let the others wait for its answer",
        "让数据库的唯一索引决定谁先，其他的等待它的结果",
    ],
    run: parallel,
};

fn parallel(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.create(&probe.order("parallel"), Mode::Real)?;
        let heard = probe.at_once(&draft, AT_ONCE).await;
        // Who is told to come back has not made a second one.
        let said: Vec<Heard> = heard
            .iter()
            .filter(|heard| heard.is_yes())
            .cloned()
            .collect();
        same_instance(if said.is_empty() { &heard } else { &said })
    })
}

pub(in crate::check) static LOST: Rule = Rule {
    title: [
        "after a lost answer, repeats are answered, and are one instance",
        "应答丢失之后，重试能成功，并且是同一个实例",
    ],
    fix: [
        "finish an order that was begun though its caller hung up, and answer its repeat from what is kept",
        "调用方断开后也要把已开始的订单做完，重试时从保存的结果应答",
    ],
    run: lost,
};

fn lost(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.create(&probe.order("lost"), Mode::Real)?;
        let hung_up = probe.lose(&draft).await;
        if !hung_up.is_hung_up() {
            return Err(Stop::needs_sending(&hung_up));
        }
        let first = probe.call(draft.clone()).await;
        let again = probe.call(draft).await;
        if !first.is_yes() && again.is_yes() {
            // "Come back" is an answer while the first is under way.
            return same_instance(&[again]);
        }
        if !again.is_yes() {
            let expected = Note::new("the instance of the order", "该订单的实例");
            let got = again.in_short();
            let finding = Finding::new(expected, got, &[&hung_up, &again]);
            return Ok(Verdict::Broken(finding));
        }
        same_instance(&[first, again])
    })
}

pub(in crate::check) static OTHER_ORDER: Rule = Rule {
    title: [
        "different orders are different instances",
        "不同的订单是不同的实例",
    ],
    fix: [
        "make a new id for every order, also of the same buyer and plan",
        "每个订单都用新的编号，即使买家和套餐相同",
    ],
    run: other_order,
};

fn other_order(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let one = probe
            .call(probe.create(&probe.order("one"), Mode::Real)?)
            .await;
        let two = probe
            .call(probe.create(&probe.order("two"), Mode::Real)?)
            .await;
        different(&one, &two)
    })
}

fn different(one: &Heard, two: &Heard) -> Result<Verdict, Stop> {
    let first = one.instance().ok_or_else(|| Stop::needs_instance(one))?;
    let second = two.instance().ok_or_else(|| Stop::needs_instance(two))?;
    if first != second {
        return Ok(Verdict::Pass);
    }
    let expected = Note::new("two ids", "两个编号");
    let got = Note::new(format!("{first:?} twice"), format!("两次都是 {first:?}"));
    Ok(Verdict::Broken(Finding::new(expected, got, &[one, two])))
}

pub(in crate::check) static CONFLICT: Rule = Rule {
    title: [
        "the same order_id with other content is refused",
        "拒绝 order_id 相同但内容不同的新购",
    ],
    fix: [
        "keep what was ordered, and refuse (409) the same order_id with another buyer, plan or term",
        "保存订单内容；同一 order_id 换了买家、套餐或时长就拒绝（409）",
    ],
    run: conflict,
};

fn conflict(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe.create(&probe.order("conflict"), Mode::Real)?;
        let first = probe.call(draft.clone()).await;
        let id = first
            .instance()
            .ok_or_else(|| Stop::needs_instance(&first))?;
        let other = probe.call(draft.with(tongue(probe).period, "2_year")).await;
        if !other.is_yes() {
            return Ok(refused(&other));
        }
        let expected = Note::new("a refusal", "拒绝");
        Ok(if other.instance() == Some(id) {
            let got = Note::new("accepted as if nothing had changed", "当作没有变化接受了");
            Verdict::Warn(Finding::new(expected, got, &[&first, &other]))
        } else {
            let got = Note::new("a second instance", "又创建了一个实例");
            Verdict::Fail(Finding::new(expected, got, &[&first, &other]))
        })
    })
}

pub(in crate::check) static WITHOUT_ORDER_ID: Rule = Rule {
    title: [
        "two creates without order_id are accepted, and are two instances",
        "没有 order_id 的两次新购都接受，并且是两个实例",
    ],
    fix: [
        "older platforms send none: know such a call by all of its parameters, the time included",
        "旧平台不带 order_id：这时用包括时间在内的全部参数识别一次调用",
    ],
    run: without_order_id,
};

fn without_order_id(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let draft = probe
            .create(&probe.order("none"), Mode::Real)?
            .without("order_id");
        // Seconds apart, though both are sent within one: the time is part of what they are known by.
        let (now, before) = (probe.now(), UtcMillis(probe.now().0.saturating_sub(2000)));
        let one = probe.call(signed_at(probe, draft.clone(), now)?).await;
        let two = probe.call(signed_at(probe, draft, before)?).await;
        for heard in [&one, &two] {
            let verdict = accepted(heard);
            if !matches!(verdict, Verdict::Pass) {
                return Ok(verdict);
            }
        }
        different(&one, &two)
    })
}

pub(in crate::check) static WRONG_PRODUCT: Rule = Rule {
    title: [
        "a create of another product is refused",
        "拒绝其他商品的新购",
    ],
    fix: [
        "compare the product's code with the one that this URL is for",
        "把商品代码和这个 URL 所属的商品比较",
    ],
    run: wrong_product,
};

fn wrong_product(probe: &Probe) -> Run<'_> {
    Box::pin(async {
        let Some(code) = &probe.plan().product_code else {
            return Err(Stop(Note::new(
                "needs --product-code: only then is another one known to be wrong",
                "需要 --product-code：否则不知道哪个代码是错的",
            )));
        };
        let draft = probe.create(&probe.order("product"), Mode::Dry)?;
        let draft = draft.with(tongue(probe).product, &format!("{code}-other"));
        Ok(refused(&probe.call(draft).await))
    })
}
