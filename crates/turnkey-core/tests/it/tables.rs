//! The closed tables, as documents.

use turnkey_core::instance::InstanceEvent;
use turnkey_core::operation::OperationEvent;
use turnkey_core::order::OrderEvent;
use turnkey_core::{InstanceState, OperationState, OrderState};
use turnkey_testkit::golden;

/// Rows × columns as aligned text.
pub(crate) fn render(rows: &[Vec<String>]) -> String {
    let width = |text: &str| text.chars().count();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        rows.iter()
            .map(|row| width(&row[column]))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let line = |row: &Vec<String>| {
        let pad = |(cell, to): (&String, &usize)| format!("{cell}{}", " ".repeat(to - width(cell)));
        let cells: Vec<String> = row.iter().zip(&widths).map(pad).collect();
        format!("{}\n", cells.join(" | ").trim_end())
    };
    let rule: Vec<String> = widths.iter().map(|n| "-".repeat(*n)).collect();
    let mut lines = rows.iter().map(line);
    let head = lines.next().unwrap_or_default();
    format!("{head}{}\n{}", rule.join("-|-"), lines.collect::<String>())
}

fn table<S: Copy, E: Copy + std::fmt::Debug>(
    states: &[S],
    events: &[E],
    name: fn(S) -> &'static str,
    next: fn(S, E) -> Option<S>,
) -> String {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(states.iter().map(|state| name(*state).to_owned()));
    for event in events {
        let mut row = vec![format!("{event:?}")];
        let after = |state: &S| next(*state, *event).map_or(String::new(), |s| name(s).to_owned());
        row.extend(states.iter().map(after));
        rows.push(row);
    }
    render(&rows)
}

#[test]
fn instances() {
    let table = table(
        &InstanceState::ALL,
        &InstanceEvent::ALL,
        InstanceState::name,
        InstanceState::next,
    );
    let text = format!(
        "An instance in the state above, when what stands on the left happens, is then …\n\
         (empty: that cannot happen)\n\n{table}"
    );
    golden::check(&crate::golden("instance_states.txt"), &text);
}

#[test]
fn orders() {
    let table = table(
        &OrderState::ALL,
        &OrderEvent::ALL,
        OrderState::name,
        OrderState::next,
    );
    let text = format!(
        "An order in the state above, when what stands on the left happens, is then …\n\
         (empty: that cannot happen)\n\n{table}"
    );
    golden::check(&crate::golden("order_states.txt"), &text);
}

#[test]
fn operations() {
    let table = table(
        &OperationState::ALL,
        &OperationEvent::ALL,
        OperationState::name,
        OperationState::next,
    );
    let text = format!(
        "An operation in the state above, when what stands on the left happens, is then …\n\
         (empty: that cannot happen; done and dropped are no rows: they are how rows end)\n\n{table}"
    );
    golden::check(&crate::golden("operation_states.txt"), &text);
}
