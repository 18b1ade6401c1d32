//! What is fit for a terminal: text from outside without control characters, and tables.

use comfy_table::{ContentArrangement, Table, presets};

/// `text` with its control and bidirectional characters as `\u{…}`: they could repaint a terminal
/// (promise 8).
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_unseen(c) || is_noncharacter(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Characters that turn the direction of the text, break its lines or have no width: what is read
/// would not be what is there.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{feff}')
}

/// What Unicode keeps for no text ever, and XML has no way to write.
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

/// Rows under `heads`, each column as wide as its widest cell; cells are escaped here.
pub(super) fn table<const N: usize>(
    heads: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(heads);
    for row in rows {
        table.add_row(row.map(|cell| escaped(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// Names and values below one another; an absent value has no line.
pub(super) fn card<'a>(rows: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    for (name, value) in rows {
        if let Some(value) = value {
            table.add_row([name.to_owned(), escaped(&value)]);
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{card, escaped, table};

    #[test]
    fn what_could_repaint_a_terminal_is_spelled_out() {
        assert_eq!(escaped("规格 a\u{301}"), "规格 a\u{301}");
        assert_eq!(
            escaped("\u{1b}[2Jx\u{202e}y\n\u{200b}z\u{9b}"),
            r"\u{1b}[2Jx\u{202e}y\u{a}\u{200b}z\u{9b}"
        );
    }

    #[test]
    fn columns_are_aligned_where_characters_are_wide() {
        let shown = table(
            ["名称", "PLAN"],
            [
                ["规格".to_owned(), "team".to_owned()],
                ["a".to_owned(), "\u{7}".to_owned()],
            ],
        );
        assert_eq!(shown, "名称  PLAN\n规格  team\na     \\u{7}");
        let shown = card([("id", Some("i-1".to_owned())), ("plan", None)]);
        assert_eq!(shown, "id  i-1");
    }
}
