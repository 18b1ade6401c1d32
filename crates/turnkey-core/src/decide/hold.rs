//! Answers that hold the place of an instance whose driver is slower than the marketplace waits
//! (promise 7), and what their links show.

use crate::access::{Access, Login};
use crate::alarm::{Alarm, AlarmKind};
use crate::decide::{Change, Outcome, State, answer_of, waits_for_person};
use crate::event::{About, Event, EventKind};
use crate::fault::Fault;
use crate::id::InstanceId;
use crate::instance::InstanceState;
use crate::link::{LinkTokens, Linked, NewLink};
use crate::operation::{Operation, OperationKind};
use crate::order::OrderState;
use crate::ports::{Hold, Report, Reveal};
use crate::time::{Now, UtcMillis};

/// What a create that ran out of time is answered with. `state` is its order with the instance and
/// the operations of that; `found` are the links of an earlier answer.
///
/// What came meanwhile is the answer: the access, or the driver's final no. Links are made only
/// while somebody works on it: what already waits for a person is not sold as "coming". Links that
/// were given before are given again.
///
/// # Errors
/// With the driver's final no, or when the order was cancelled.
pub fn hold(
    hold: &Hold,
    state: &State,
    found: Option<LinkTokens>,
) -> Result<(Vec<Change>, Outcome), Fault> {
    let (Some(order), Some(instance)) = (&state.order, &state.instance) else {
        return Err(Fault::bug(format!(
            "there is no order of {}",
            hold.instance
        )));
    };
    let answer = answer_of(order, Some(instance))?;
    let held = |tokens: &LinkTokens| Outcome::Held {
        instance: instance.id.clone(),
        links: tokens.access(&hold.listing.public_url),
    };
    let is_accepted = order.state == OrderState::Accepted;
    match (is_accepted, found) {
        (false, _) => Ok((Vec::new(), answer)),
        (true, Some(tokens)) => Ok((Vec::new(), held(&tokens))),
        (true, None) if waits_for_person(order, state) => Ok((Vec::new(), answer)),
        (true, None) => {
            let link = |(part, token): (_, &crate::link::LinkToken)| {
                Change::LinkInsert(NewLink {
                    token: token.clone(),
                    instance: instance.id.clone(),
                    part,
                })
            };
            let changes = hold.fresh.each().map(link).into();
            Ok((changes, held(&hold.fresh)))
        }
    }
}

/// What `report` is about, when it is the delivery of what was answered with links.
pub(super) fn promised(report: &Report, state: &State) -> Option<About> {
    let instance = state.instance.as_ref()?;
    let is_it = |o: &&Operation| o.id == report.operation && o.kind == OperationKind::Provision;
    let delivery = state.operations.iter().find(is_it)?;
    // What is being removed was not wanted any more.
    let is_promised = state.is_held && instance.state == InstanceState::Provisioning;
    is_promised.then(|| About {
        listing: Some(instance.listing.clone()),
        instance: Some(instance.id.clone()),
        order: delivery.order.clone(),
        operation: Some(delivery.id.clone()),
    })
}

/// The marketplace was told that there is an instance, and its delivery failed.
pub(super) fn in_name_only(about: About, now: Now) -> [Change; 2] {
    let message = "it was answered with holding links, and then its delivery failed: put the cause \
                   right, then retry the operation";
    let kind = EventKind::DeliveredInNameOnly;
    let event = Event::new(now, kind, about.clone(), "", message);
    let subject = about
        .instance
        .as_ref()
        .map_or("", InstanceId::as_str)
        .to_owned();
    let kind = AlarmKind::DeliveredInNameOnly;
    let alarm = Alarm::new(kind, subject, about, now, message);
    [Change::EventInsert(event), Change::AlarmRaise(alarm)]
}

/// What a link shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shows<'a> {
    /// The driver is at work.
    Progress,
    /// The delivery failed or was given up: the vendor must act.
    NeedsPerson,
    /// It is there.
    Ready {
        /// Where its part is, as the vendor said; absent when the vendor has no such part.
        target: Option<&'a str>,
        /// Whether there is an account to show.
        account: Account,
    },
    /// It was removed, or is about to be.
    Gone,
}

/// Whether a link has an account to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Its part has none.
    None,
    /// It can be shown until then, on the wall clock.
    Until(UtcMillis),
    /// The time to show it is over.
    Over,
}

/// What `linked` shows at `wall`; accounts can be shown for `reveal_for_ms` after delivery.
#[must_use]
pub fn shows(linked: &Linked, wall: UtcMillis, reveal_for_ms: u64) -> Shows<'_> {
    let Linked { link, instance, .. } = linked;
    match instance.state {
        InstanceState::Provisioning if linked.is_given_up => Shows::NeedsPerson,
        InstanceState::Provisioning => Shows::Progress,
        InstanceState::Failed => Shows::NeedsPerson,
        InstanceState::Releasing | InstanceState::Released => Shows::Gone,
        InstanceState::Running | InstanceState::Suspended => {
            let access = instance.access.as_ref();
            let account = access.and_then(|access| link.part.account(access));
            let until = linked.ready_at.map(|ready| ready.plus_ms(reveal_for_ms));
            Shows::Ready {
                target: access.and_then(|access| link.part.url(access)),
                account: match (account, until) {
                    (None, _) => Account::None,
                    (Some(_), Some(until)) if wall < until => Account::Until(until),
                    (Some(_), Some(_) | None) => Account::Over,
                },
            }
        }
    }
}

/// The account that a link shows now, with the count of it to write; `None` when it shows none.
#[must_use]
pub fn reveal(reveal: &Reveal, linked: &Linked) -> Option<(Vec<Change>, Login)> {
    match shows(linked, reveal.now.wall, reveal.reveal_for_ms) {
        Shows::Ready {
            account: Account::Until(_),
            ..
        } => {}
        Shows::Ready {
            account: Account::None | Account::Over,
            ..
        }
        | Shows::Progress
        | Shows::NeedsPerson
        | Shows::Gone => return None,
    }
    let access: &Access = linked.instance.access.as_ref()?;
    let account = linked.link.part.account(access)?.clone();
    let part = linked.link.part.name();
    let message = format!("the account of its {part} was shown to the bearer of its link");
    let about = About {
        listing: Some(linked.instance.listing.clone()),
        instance: Some(linked.instance.id.clone()),
        order: Some(linked.instance.order.clone()),
        operation: None,
    };
    let once = format!("{part} {}", linked.link.reveals);
    let kind = EventKind::AccessRevealed;
    let event = Event::new(reveal.now, kind, about, &once, message);
    let changes = vec![
        Change::LinkReveal(linked.link.hash),
        Change::EventInsert(event),
    ];
    Some((changes, account))
}
