//! An explanation as lines for a terminal.

use unicode_width::UnicodeWidthStr as _;

use crate::cli::Lang;
use crate::cli::terminal::escaped;
use crate::explained::{CauseView, ExplanationView, MistakeView};

/// Characters that are shown on either side of the first difference.
const AROUND: usize = 40;

/// The lines that say it.
pub(super) fn lines(view: &ExplanationView, lang: Lang) -> Vec<String> {
    let is_good = view.verdict == "good";
    // What cannot be read is told first: it is not the signature that is wrong.
    let is_unread = view.verdict == "unreadable";
    let (first, also) = view
        .also
        .split_at(usize::from(is_unread).min(view.also.len()));
    let mut lines = vec![headline(&view.verdict, lang).to_owned()];
    for finding in first {
        let said = escaped(lang.pick(&finding.en, &finding.zh));
        lines.push(format!("  {said} [{}]", finding.code));
    }
    let mut value = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            lines.push(format!("  {name}  {}", escaped(value)));
        }
    };
    value(lang.pick("received", "收到"), &view.received);
    if !is_good {
        value(lang.pick("expected", "应为"), &view.expected);
    }
    if let Some(canonical) = &view.canonical {
        let signed = view.cause.as_ref().and_then(|cause| cause.signed.as_ref());
        lines.push(
            lang.pick("  signed by this dialect:", "  本协议签名的内容：")
                .to_owned(),
        );
        match signed {
            Some(signed) => {
                lines.extend(pointed(canonical, signed));
                let sender = lang.pick("  signed by the sender:", "  发送方签名的内容：");
                lines.push(sender.to_owned());
                lines.extend(pointed(signed, canonical));
            }
            None => lines.extend(canonical.split('\n').map(|l| format!("    {}", escaped(l)))),
        }
    }
    match &view.cause {
        Some(cause) => lines.extend(caused(cause, view, lang)),
        None if matches!(view.verdict.as_str(), "wrong" | "accepted") => {
            lines.extend(unknown(view, lang));
            lines.extend(untried(view, lang));
        }
        None => {}
    }
    let besides = lang.pick("also: ", "另外：");
    if view.verdict == "accepted" {
        let taken = lang.pick(
            "Turnkey takes it all the same, because it verifies what was sent too; a stricter server does not",
            "Turnkey 仍会接受，因为它也核对发送时的写法；更严格的服务端不会接受",
        );
        lines.push(format!("{besides}{taken}"));
    }
    for finding in also {
        let said = escaped(lang.pick(&finding.en, &finding.zh));
        lines.push(format!("{besides}{said} [{}]", finding.code));
    }
    lines
}

fn headline(verdict: &str, lang: Lang) -> &'static str {
    match verdict {
        "good" => lang.pick("signature matches", "签名相符"),
        "accepted" => lang.pick(
            "signature does not match the documented form",
            "签名与文档规定的形式不符",
        ),
        "unreadable" => lang.pick(
            "the query cannot be read, so that no signature can be compared",
            "查询串无法读取，因此无法比较签名",
        ),
        "missing" => lang.pick("there is no signature to compare", "没有可供比较的签名"),
        _ => lang.pick("signature does not match", "签名不符"),
    }
}

fn caused(cause: &CauseView, view: &ExplanationView, lang: Lang) -> Vec<String> {
    let said = |mistake: &MistakeView| {
        let words = lang.pick(&mistake.en, &mistake.zh);
        format!("{words} [{}]", mistake.code)
    };
    let mut lines: Vec<_> = match cause.mistakes.as_slice() {
        [one] => vec![format!(
            "{}{}",
            lang.pick("cause found: ", "找到原因："),
            said(one)
        )],
        several => {
            let head = lang.pick(
                "cause found: two mistakes together",
                "找到原因：两个错误同时出现",
            );
            let several = several
                .iter()
                .map(|mistake| format!("  - {}", said(mistake)));
            [head.to_owned()].into_iter().chain(several).collect()
        }
    };
    if let Some(key) = &cause.key {
        let key = escaped(key);
        lines.push(match lang {
            Lang::En => format!("  it was signed with the key from {key}"),
            Lang::Zh => format!("  签名用的是来自 {key} 的密钥"),
        });
    }
    let (known, pairs) = (view.mistakes_tried, view.pairs_tried);
    lines.push(match (cause.mistakes.len(), lang) {
        (1, Lang::En) => format!(
            "  the received value is exactly what this gives ({} of {known} known mistakes tried)",
            ordinal(cause.place)
        ),
        (1, Lang::Zh) => format!(
            "  收到的值与这样算出的完全一致（{known} 种已知错误中的第 {} 种）",
            cause.place
        ),
        (_, Lang::En) => format!(
            "  the received value is exactly what they give ({known} known mistakes and {pairs} pairs tried)"
        ),
        (_, Lang::Zh) => format!(
            "  收到的值与这样算出的完全一致（试过 {known} 种已知错误和 {pairs} 种组合）"
        ),
    });
    let mut shown: Vec<&_> = Vec::new();
    for mistake in &cause.mistakes {
        if shown.contains(&&mistake.right) {
            continue;
        }
        shown.push(&mistake.right);
        lines.push(lang.pick("  right:", "  正确写法：").to_owned());
        for language in ["Python", "Java", "Go", "JavaScript", "PHP"] {
            if let Some(call) = mistake.right.get(language) {
                lines.push(format!("    {language:<10}  {call}"));
            }
        }
    }
    lines
}

fn unknown(view: &ExplanationView, lang: Lang) -> [String; 2] {
    let (known, pairs) = (view.mistakes_tried, view.pairs_tried);
    match lang {
        Lang::En => [
            format!(
                "cause not known: {known} known mistakes and {pairs} pairs of them tried, none gives the received value"
            ),
            "  the key may be another one, or something on the way rewrote the request (docs/behind-a-proxy.md)"
                .to_owned(),
        ],
        Lang::Zh => [
            format!("原因不明：试过 {known} 种已知错误和 {pairs} 种组合，都得不到收到的值"),
            "  可能用了别的密钥，或者途中有东西改写了请求（docs/behind-a-proxy.md）".to_owned(),
        ],
    }
}

/// What was left out of the search.
fn untried(view: &ExplanationView, lang: Lang) -> Vec<String> {
    let (mistakes, pairs) = (view.mistakes_not_tried, view.pairs_not_tried);
    let keys = view.keys_not_tried;
    let long = (mistakes + pairs > 0).then(|| match lang {
        Lang::En => format!(
            "  the request is long: {mistakes} known mistakes and {pairs} pairs were not tried"
        ),
        Lang::Zh => format!("  请求很长：有 {mistakes} 种已知错误和 {pairs} 种组合没有试"),
    });
    let many = (keys > 0).then(|| match lang {
        Lang::En => format!("  there are many keys: {keys} of them were not tried"),
        Lang::Zh => format!("  密钥很多：有 {keys} 个没有试"),
    });
    long.into_iter().chain(many).collect()
}

fn ordinal(place: usize) -> String {
    let end = match (place % 10, place % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{place}{end}")
}

/// The part of `text` around its first difference from `other`, and a caret below that.
fn pointed(text: &str, other: &str) -> [String; 2] {
    let same = text.chars().zip(other.chars());
    let at = same.take_while(|(a, b)| a == b).count();
    let before: Vec<_> = text.chars().take(at).collect();
    let line_at = before.iter().rposition(|c| *c == '\n').map_or(0, |n| n + 1);
    let from = line_at.max(at.saturating_sub(AROUND));
    let rest = text.chars().skip(at).take_while(|c| *c != '\n');
    let rest: Vec<_> = rest.take(AROUND + 1).collect();
    let is_cut = rest.len() > AROUND;
    let head: String = before.iter().skip(from).collect();
    let tail: String = rest.iter().take(AROUND).collect();
    let head = format!(
        "{}{}",
        if from > line_at { "…" } else { "" },
        escaped(&head)
    );
    let caret = format!("    {}^", " ".repeat(head.width()));
    // A line that ends here and not there is the difference.
    let end = match text.chars().nth(at) {
        Some('\n') => "↵",
        _ if is_cut => "…",
        _ => "",
    };
    let tail = format!("{}{end}", escaped(&tail));
    [format!("    {head}{tail}"), caret]
}

#[cfg(test)]
mod tests {
    use super::{ordinal, pointed};

    #[test]
    fn the_caret_stands_below_the_first_difference_where_characters_are_wide() {
        let [line, caret] = pointed("规格=a+b", "规格=a%20b");
        assert_eq!(
            (line.as_str(), caret.as_str()),
            ("    规格=a+b", "          ^")
        );
        let [line, caret] = pointed("one\ntwo", "one\ntwo\n");
        assert_eq!((line.as_str(), caret.as_str()), ("    two", "       ^"));
        let [line, _] = pointed("one\ntwo\n", "one\ntwo");
        assert_eq!(line, "    two↵");
        let long = "x".repeat(100);
        let [line, caret] = pointed(&format!("{long}+{long}"), &format!("{long}%{long}"));
        assert!(line.starts_with("    …x") && line.ends_with("x…"));
        assert_eq!(caret.len(), 4 + 1 + 40 + 1);
    }

    #[test]
    fn places_are_spelled_in_english() {
        let spelled = [1, 2, 3, 4, 11, 12, 21, 62].map(ordinal);
        assert_eq!(spelled.join(" "), "1st 2nd 3rd 4th 11th 12th 21st 62nd");
    }
}
