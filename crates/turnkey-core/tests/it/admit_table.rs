//! The table of what happens, intent × state, by letting it happen: the golden file is the document.

use turnkey_core::decide::{Change, Outcome};
use turnkey_core::ports::Verdict;
use turnkey_core::{Fault, Instance, InstanceId, Intent, Reason};
use turnkey_testkit::{golden, sample};

use crate::tables::render;
use crate::world::World;

type Reach = fn(&mut World);
type Spell = fn(&InstanceId) -> Intent;

/// The states that an instance can be met in, with how it comes there.
const STATES: [(&str, Reach); 11] = [
    ("provisioning, not begun", |_| {}),
    ("provisioning, begun", begun),
    ("provisioning, to be suspended", |world| {
        begun(world);
        ask(world, sample::suspend);
    }),
    ("provisioning, dead", |world| {
        begun(world);
        world.advance(25 * 3_600_000);
        world.run(Some(&Verdict::Retry("refused".to_owned())));
    }),
    ("running", running),
    ("suspended by the marketplace", |world| {
        running(world);
        ask(world, sample::suspend);
        world.run(None);
    }),
    ("suspended for its term", |world| {
        running(world);
        ask(world, |id| Intent::Suspend(id.clone(), Reason::Term));
        world.run(None);
    }),
    ("suspended by an operator", |world| {
        running(world);
        ask(world, |id| Intent::Suspend(id.clone(), Reason::Operator));
        world.run(None);
    }),
    ("failed", |world| {
        world.run(Some(&Verdict::No("sold out".to_owned())));
    }),
    ("releasing", |world| {
        running(world);
        ask(world, sample::release);
    }),
    ("released", |world| {
        running(world);
        ask(world, sample::release);
        world.run(None);
    }),
];

const INTENTS: [(&str, Spell); 8] = [
    ("renew", |id| sample::renew("r", id)),
    ("change plan", |id| sample::change_plan("c", id)),
    ("suspend by the marketplace", sample::suspend),
    ("suspend by an operator", |id| {
        Intent::Suspend(id.clone(), Reason::Operator)
    }),
    ("resume by the marketplace", sample::resume),
    ("resume by an operator", |id| {
        Intent::Resume(id.clone(), Reason::Operator)
    }),
    ("release", sample::release),
    ("create again", |_| sample::create("k")),
];

#[test]
fn every_state_answers_every_intent() {
    let mut text = String::from(
        "What happens, by intent and by the state that the instance is in. The driver is asked\n\
         later; with an immediate one the work of the last column is done in the same commit.\n\
         In the last column `due` may be taken at once and `queued` waits for what is before it.\n",
    );
    for (intent, spell) in INTENTS {
        let head = ["state", "answer", "is then", "term", "work left"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for (state, reach) in STATES {
            let mut world = World::driven();
            world.call(sample::create("k")).unwrap();
            reach(&mut world);
            let id = only(&world).id.clone();
            rows.push(row(&mut world, state, spell(&id)));
        }
        text.push_str(&format!("\n{intent}\n\n{}", render(&rows)));
    }
    golden::check(&crate::golden("what_happens.txt"), &text);
}

fn row(world: &mut World, state: &str, intent: Intent) -> Vec<String> {
    let before = only(world).clone();
    let answer = world.admit(sample::call(intent, world.now));
    let after = only(world);
    let is_longer = after.term.ends_at > before.term.ends_at;
    let work: Vec<String> = world
        .operations_of(&after.id)
        .iter()
        .map(|o| format!("{} {}", o.kind.name(), o.state.name()))
        .collect();
    let is_idle = answer
        .as_ref()
        .map_or(true, |(_, changes)| changes.is_empty());
    vec![
        state.to_owned(),
        told(&answer.map(|(admitted, changes)| (admitted.answer, changes))),
        if is_idle {
            "the same".to_owned()
        } else {
            shown(after)
        },
        if is_longer { "longer" } else { "" }.to_owned(),
        if is_idle {
            String::new()
        } else {
            work.join(", ")
        },
    ]
}

fn told(answer: &Result<(Result<Outcome, Fault>, Vec<Change>), Fault>) -> String {
    match answer {
        Err(fault) => format!("{:?}: {}", fault.kind, fault.code),
        Ok((Err(fault), _)) => format!("{:?}: {} (on disk)", fault.kind, fault.code),
        Ok((Ok(outcome), changes)) => {
            let told = match outcome {
                Outcome::Delivered { .. } => "delivered",
                Outcome::NotReady { .. } => "not ready",
                Outcome::Held { .. } => "held",
                Outcome::Ordered { .. } => "ordered",
                Outcome::Shown(_) | Outcome::Listed(..) => "shown",
                Outcome::Done => "success",
                Outcome::Gone => "gone",
            };
            let cancels = |change: &&Change| matches!(change, Change::OrderClose(..));
            let cancelled = changes.iter().filter(cancels).count();
            let and = if cancelled > 0 {
                ", order cancelled"
            } else {
                ""
            };
            format!("{told}{and}")
        }
    }
}

fn shown(instance: &Instance) -> String {
    let reasons = Reason::ALL.into_iter().filter(|r| instance.reasons.has(*r));
    let reasons: Vec<&str> = reasons.map(Reason::name).collect();
    let state = instance.state.name();
    if reasons.is_empty() {
        state.to_owned()
    } else {
        format!("{state} ({})", reasons.join(", "))
    }
}

fn only(world: &World) -> &Instance {
    world.instances.values().next().unwrap()
}

fn begun(world: &mut World) {
    world.run(Some(&Verdict::NotYet(None)));
}

fn running(world: &mut World) {
    world.run(None);
}

fn ask(world: &mut World, spell: impl Fn(&InstanceId) -> Intent) {
    let id = only(world).id.clone();
    world.call(spell(&id)).unwrap();
}
