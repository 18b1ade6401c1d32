//! Golden files: text that a person reviewed. `BLESS=1` rewrites them; review the diff.

use std::path::Path;

/// Compares `actual` with the golden file at `path`.
///
/// # Panics
/// When they differ, naming the file and the first line that does. With `BLESS=1` in the
/// environment the file is rewritten instead.
#[expect(
    clippy::disallowed_methods,
    reason = "BLESS is for tests only and configures nothing"
)]
pub fn check(path: &Path, actual: &str) {
    if std::env::var_os("BLESS").is_some_and(|bless| bless == "1") {
        let folder = path.parent().expect("a golden file lies in a folder");
        std::fs::create_dir_all(folder).expect("the folder of a golden file can be made");
        std::fs::write(path, actual).expect("a golden file can be written");
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return;
    }
    let (mut wanted, mut got) = (expected.lines(), actual.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (wanted.next(), got.next()) {
            (None, None) => break,
            (wanted, got) if wanted != got => {
                panic!(
                    "{} differs in line {line}:\n  expected: {}\n  actual:   {}\n\
                     `cargo xtask bless` rewrites it; review the diff",
                    path.display(),
                    wanted.unwrap_or("(end of file)"),
                    got.unwrap_or("(end of text)"),
                );
            }
            _ => {}
        }
    }
    panic!("{} differs in its line ends", path.display());
}
