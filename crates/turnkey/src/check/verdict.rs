//! What a rule found.

use turnkey_core::Fault;

use super::Note;
use super::probe::{Exchange, Heard};

/// What a rule found.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold; how bad that is, the check's severity says.
    Broken(Finding),
    /// It does not hold, and that is bad whatever the severity.
    Fail(Finding),
    /// It does not hold, but that is no more than advice here.
    Warn(Finding),
    /// It could not be looked at, for this reason.
    Skip(Note),
}

/// What was expected, what came, and the exchanges that show it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What the documentation asks.
    pub expected: Note,
    /// What is the case instead.
    pub got: Note,
    /// What was sent and what came back.
    pub exchanges: Vec<Exchange>,
}

/// Why a rule could not go on: it is skipped.
#[derive(Clone, Debug)]
pub struct Stop(pub Note);

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        let message = fault.message;
        Self(Note::new(
            format!("this call cannot be spelt: {message}"),
            format!("拼不出这个调用：{message}"),
        ))
    }
}

impl Stop {
    /// A create was to name an instance, and was answered with `heard`.
    pub(super) fn needs_instance(heard: &Heard) -> Self {
        let short = heard.in_short();
        Self(Note::new(
            format!(
                "needs an instance, and a create was not answered with one ({})",
                short.en
            ),
            format!("需要一个实例，但新购没有返回实例（{}）", short.zh),
        ))
    }

    /// A call was to succeed, and was answered with `heard`.
    pub(super) fn needs_success(heard: &Heard) -> Self {
        let short = heard.in_short();
        Self(Note::new(
            format!("needs a call that succeeds ({})", short.en),
            format!("需要一个成功的调用（{}）", short.zh),
        ))
    }

    /// A call was to be answered, whatever with, and was not.
    pub(super) fn needs_answer(heard: &Heard) -> Self {
        let short = heard.in_short();
        Self(Note::new(
            format!("needs an answer ({})", short.en),
            format!("需要有应答（{}）", short.zh),
        ))
    }

    /// Something was to be refused, and nothing was.
    pub(super) fn needs_refusal() -> Self {
        Self(Note::new(
            "needs a call that is refused, and none was",
            "需要一个被拒绝的调用，但没有",
        ))
    }

    /// A call was to be sent and then hung up on, and never went out.
    pub(super) fn needs_sending(heard: &Heard) -> Self {
        let short = heard.in_short();
        Self(Note::new(
            format!(
                "the call whose answer is to be lost never went out ({})",
                short.en
            ),
            format!("要丢失应答的调用没有发出去（{}）", short.zh),
        ))
    }
}

impl Finding {
    /// What was expected of `heard`, and what it is instead.
    pub(super) fn new(expected: Note, got: Note, heard: &[&Heard]) -> Self {
        Self {
            expected,
            got,
            exchanges: heard.iter().map(|heard| heard.exchange.clone()).collect(),
        }
    }
}

pub(super) fn expected_success() -> Note {
    Note::new(
        "success: status 200 and a JSON object that does not say otherwise",
        "成功：状态码 200，正文是 JSON 对象且没有表示失败",
    )
}

pub(super) fn expected_refusal() -> Note {
    Note::new("a refusal, and nothing done", "拒绝，并且什么都不做")
}

/// It must have been answered with success.
pub(super) fn accepted(heard: &Heard) -> Verdict {
    if heard.is_yes() {
        return Verdict::Pass;
    }
    let got = Note::new(
        format!("not accepted: {}", heard.in_short().en),
        format!("没有被接受：{}", heard.in_short().zh),
    );
    Verdict::Broken(Finding::new(expected_success(), got, &[heard]))
}

/// It must have been refused, by an answer.
pub(super) fn refused(heard: &Heard) -> Verdict {
    if heard.is_no() {
        return Verdict::Pass;
    }
    let got = if heard.is_yes() {
        Note::new("accepted", "被接受了")
    } else {
        heard.in_short()
    };
    Verdict::Broken(Finding::new(expected_refusal(), got, &[heard]))
}

/// Each of them must have been refused, by an answer; the labels say which was not.
pub(super) fn all_refused(heard: &[(String, Heard)]) -> Verdict {
    each(heard, Heard::is_no, expected_refusal())
}

/// Each of them must be as `is_good` has it.
pub(super) fn each(
    heard: &[(String, Heard)],
    is_good: impl Fn(&Heard) -> bool,
    expected: Note,
) -> Verdict {
    let bad: Vec<_> = heard.iter().filter(|(_, heard)| !is_good(heard)).collect();
    if bad.is_empty() {
        return Verdict::Pass;
    }
    let told = |pick: fn(&Note) -> &str| {
        let one =
            |(label, heard): &&(String, Heard)| format!("{label}: {}", pick(&heard.in_short()));
        bad.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let got = Note::new(told(|note| &note.en), told(|note| &note.zh));
    let shown: Vec<_> = bad.iter().map(|(_, heard)| heard).collect();
    Verdict::Broken(Finding::new(expected, got, &shown))
}
