//! What the documentation tells a reader to type works as it stands there.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::cli::demo;

/// A page of the documentation.
pub(crate) fn page(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|_| panic!("there is no page {path}"))
}

/// The first block of `language` on `page`.
pub(crate) fn block(page: &str, language: &str) -> String {
    let opening = format!("\n```{language}\n");
    let (_, behind) = page.split_once(&opening).expect("a block");
    let (block, _) = behind.split_once("\n```").expect("its end");
    block.to_owned()
}

/// What a shell prints that `script` is pasted into: JSON, one value after the other.
async fn pasted(script: &str) -> Vec<Value> {
    let shell = Command::new("sh")
        .args(["-e", "-u", "-c", script])
        .stdin(Stdio::null())
        .output()
        .await
        .expect("a shell");
    let stdout = String::from_utf8_lossy(&shell.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&shell.stderr).into_owned();
    assert!(
        shell.status.success(),
        "curl or openssl is missing? `cargo xtask test` installs them: {stdout}{stderr}"
    );
    let values = serde_json::Deserializer::from_str(&stdout).into_iter();
    let values: Result<Vec<Value>, _> = values.collect();
    values.unwrap_or_else(|_| panic!("{stdout}{stderr}"))
}

#[tokio::test]
async fn every_dialects_page_opens_with_a_command_that_works_as_pasted() {
    let (_demo, url) = demo(&[]).await;
    let (base, _) = url.split_once("/spi/").expect("a notification URL");
    for dialect in turnkey_dialects::all() {
        let card = dialect.card();
        let name = card.name;
        let page = page(&format!("docs/dialects/{name}.md"));
        let script = block(&page, "sh");
        let endpoint = match card.root {
            None => format!("http://127.0.0.1:8686/spi/{name}/demo"),
            Some(_) => "url=http://127.0.0.1:8686 ".to_owned(),
        };
        assert!(
            script.contains(&endpoint),
            "{name}: it calls a demo as it starts by default"
        );
        let script = script.replace("http://127.0.0.1:8686", base);
        // "Paste the last line again: it is the same one."
        let last = script.lines().last().expect("a line").to_owned();
        let mut answers = pasted(&format!("{script}\n{last}\n")).await;
        for answer in &mut answers {
            // Each answer has a name of its own.
            answer
                .as_object_mut()
                .expect("an object")
                .remove("requestId");
        }
        let [first, again] = &answers[..] else {
            panic!("{name}: two answers: {answers:?}");
        };
        assert_eq!(first, again, "{name}");
        let bought = &first["result"]["sourceIds"][0]["sourceId"];
        let id = first["instanceId"].as_str().or(bought.as_str());
        let id = id.unwrap_or_default();
        let is_real = id.starts_with("i-") && !id.starts_with("i-dry") || id.starts_with("o-");
        assert!(is_real, "{name}: {first}");
    }
}

#[test]
fn every_dialects_page_has_a_chinese_part_and_names_every_action() {
    for dialect in turnkey_dialects::all() {
        let card = dialect.card();
        let page = page(&format!("docs/dialects/{}.md", card.name));
        assert!(page.contains("\n## 中文\n"), "{}", card.name);
        for action in card.actions {
            let row = format!("| `{}` |", action.wire);
            assert!(page.contains(&row), "{}: {row}", card.name);
        }
    }
}
