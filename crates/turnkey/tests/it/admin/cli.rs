//! The commands that run the shop, as a person types them at a running demo.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::binary::PROGRAM;
use crate::cli::{demo_in, said};

/// A running demo with a runtime folder of its own.
pub(crate) struct Demo {
    pub(crate) url: String,
    runtime: TempDir,
    child: Child,
}

impl Demo {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let runtime = tempfile::tempdir().expect("a folder");
        let (child, url) = demo_in(runtime.path(), arguments).await;
        Self {
            url,
            runtime,
            child,
        }
    }

    /// Exit code, stdout and stderr of a command typed beside it.
    pub(crate) async fn type_in(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let folder = tempfile::tempdir().expect("a folder");
        typed(folder.path(), self.runtime.path(), arguments).await
    }

    pub(crate) async fn stop(&mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let process = id.and_then(Pid::from_raw).expect("it runs");
        kill_process(process, Signal::TERM).expect("it can be signalled");
        assert!(self.child.wait().await.expect("it ends").success());
    }
}

async fn typed(folder: &Path, runtime: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", runtime)
        .env("LC_ALL", "C")
        .env_remove("TURNKEY_ADMIN_URL")
        .env_remove("TURNKEY_ADMIN_TOKEN")
        .stdin(Stdio::null())
        .output()
        .await
        .expect("it runs");
    said(&output)
}

#[tokio::test]
async fn a_demo_leaves_word_for_its_user_alone_and_takes_it_back() {
    let mut demo = Demo::start(&[]).await;
    let file = demo.runtime.path().join("turnkey/demo.json");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().expect("a folder")), 0o700);

    let (code, stdout, stderr) = demo.type_in(&["listing", "list"]).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].starts_with("LISTING"), "{stdout}");
    assert!(
        lines[3].starts_with("qingcloud-market-demo     qingcloud-market     demo     http://"),
        "{stdout}"
    );
    let (code, stdout, _) = demo.type_in(&["product", "list", "--lang", "zh"]).await;
    assert_eq!(code, Some(0));
    assert!(stdout.starts_with("产品"), "{stdout}");
    let (_, stdout, _) = demo.type_in(&["product", "list", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(json["items"][1]["name"], "demo");

    demo.stop().await;
    assert!(!file.exists(), "a token of nobody is left");
}

#[tokio::test]
async fn whoever_finds_no_shop_or_has_no_token_is_told_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = ["listing", "list", "--admin", "http://127.0.0.1:1"];
    let (code, stdout, stderr) = typed(folder.path(), folder.path(), &nobody).await;
    assert_eq!((code, stdout.as_str()), (Some(3), ""));
    assert!(
        stderr.contains("is it running? try: turnkey demo"),
        "{stderr}"
    );

    let demo = Demo::start(&[]).await;
    let word = std::fs::read_to_string(demo.runtime.path().join("turnkey/demo.json"));
    let word: serde_json::Value = serde_json::from_str(&word.expect("a file")).expect("JSON");
    let url = word["admin"].as_str().expect("a URL");
    let stranger = ["listing", "list", "--admin", url];
    let (code, _, stderr) = typed(folder.path(), folder.path(), &stranger).await;
    assert_eq!(code, Some(3));
    assert!(stderr.contains("TURNKEY_ADMIN_TOKEN"), "{stderr}");

    let unset = ["listing", "list", "--admin", url, "--token-env", "NO_SUCH"];
    let (code, _, stderr) = typed(folder.path(), folder.path(), &unset).await;
    assert_eq!(code, Some(3));
    assert!(stderr.contains("NO_SUCH is not set"), "{stderr}");
}

/// In a shared temporary folder anybody could have made the folder first.
#[tokio::test]
async fn word_in_a_folder_that_others_can_write_into_is_not_believed() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut demo = Demo::start(&[]).await;
    let folder = demo.runtime.path().join("turnkey");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).expect("ours");
    let (code, _, stderr) = demo.type_in(&["listing", "list"]).await;
    assert_eq!(code, Some(3), "{stderr}");
    demo.stop().await;
}

#[tokio::test]
async fn the_keys_are_listed_with_their_last_use_and_never_told() {
    let demo = Demo::start(&[]).await;
    let called = ["trigger", "qingcloud-market", "test", "--to", &demo.url];
    assert_eq!(demo.type_in(&called).await.0, Some(0));
    let (code, stdout, stderr) = demo.type_in(&["secret", "list"]).await;
    assert_eq!(code, Some(0), "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(lines[0].starts_with("LISTING"), "{stdout}");
    let of = |listing: &str| {
        let mut lines = lines.iter().filter(|line| line.starts_with(listing));
        lines
            .next()
            .unwrap_or_else(|| panic!("{listing}: {stdout}"))
    };
    assert!(
        of("qingcloud-appcenter-demo").ends_with("never"),
        "{stdout}"
    );
    assert!(of("qingcloud-market-demo").ends_with('Z'), "{stdout}");
    assert!(!stdout.contains("demo-key"), "{stdout}");
    let (_, stdout, _) = demo.type_in(&["secret", "list", "--lang", "zh"]).await;
    assert!(stdout.contains("从未"), "{stdout}");
    let (_, stdout, _) = demo.type_in(&["secret", "list", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(json["items"][0]["role"], "current");
}

#[tokio::test]
async fn the_shop_in_hand() {
    let mut demo = Demo::start(&[]).await;
    for (noun, hint) in [
        ("order", "no order yet; be the marketplace: turnkey trigger"),
        (
            "purchase",
            "nothing was bought yet; be the marketplace: turnkey trigger",
        ),
        (
            "instance",
            "no instance yet; be the marketplace: turnkey trigger",
        ),
        ("operation", "no work is left to do"),
        ("event", "nothing happened"),
    ] {
        let (code, stdout, stderr) = demo.type_in(&[noun, "list"]).await;
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{noun}");
        assert!(stderr.contains(hint), "{stderr}");
    }
    let bad = "mord-\u{202e}1\u{1b}[2J";
    let create = [
        "trigger",
        "qingcloud-market",
        "create",
        "--to",
        &demo.url,
        "--order",
        bad,
    ];
    let (code, stdout, stderr) = demo.type_in(&[&create[..], &["--json"]].concat()).await;
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let created: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let id = created["instances"][0].as_str().expect("an id");

    let (_, stdout, _) = demo.type_in(&["order", "list"]).await;
    assert!(stdout.starts_with("ORDER "), "{stdout}");
    assert!(
        stdout.contains(r"mord-\u{202e}1\u{1b}[2J"),
        "outside text cannot repaint a terminal: {stdout:?}"
    );
    let (_, stdout, _) = demo
        .type_in(&["order", "list", "--json", "--key", bad])
        .await;
    let json: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let order = json["items"][0]["id"].as_str().expect("an id");
    assert_eq!(json["items"][0]["instance"], id);
    let (_, stdout, _) = demo
        .type_in(&["order", "show", order, "--lang", "zh"])
        .await;
    assert!(
        stdout.contains("状态") && stdout.contains("fulfilled"),
        "{stdout}"
    );
    let purchase = order.replacen("o-", "p-", 1);
    let (_, stdout, _) = demo.type_in(&["purchase", "show", &purchase]).await;
    assert!(
        stdout.contains("delivered") && stdout.contains(id),
        "{stdout}"
    );

    let (_, stdout, _) = demo.type_in(&["instance", "show", id]).await;
    assert!(
        stdout.contains("yes; --access shows it") && stdout.contains("provision"),
        "{stdout}"
    );
    let (_, stdout, _) = demo.type_in(&["instance", "show", id, "--access"]).await;
    assert!(stdout.contains("front end password  "), "{stdout}");
    let (_, stdout, _) = demo.type_in(&["event", "list"]).await;
    assert!(
        stdout.contains("access_read") && stdout.contains("demo"),
        "{stdout}"
    );
    let (code, stdout, _) = demo.type_in(&["instance", "release", id]).await;
    assert_eq!((code, stdout), (Some(0), format!("{id} released\n")));
    let (_, _, stderr) = demo
        .type_in(&["instance", "list", "--state", "running"])
        .await;
    assert!(stderr.contains("nothing fits"), "{stderr}");

    for (arguments, code, hint) in [
        (&["order", "show", "o-nobody"][..], 1, "[order_unknown]"),
        (
            &["order", "list", "--state", "paused"],
            2,
            "is none of awaiting_payment",
        ),
        (
            &["operation", "retry", "op-nobody"],
            1,
            "[operation_unknown]",
        ),
        (&["order", "list", "--limit", "0"], 2, "a number from 1 on"),
    ] {
        let (got, _, stderr) = demo.type_in(arguments).await;
        assert_eq!(got, Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{stderr}");
    }
    demo.stop().await;
}

#[tokio::test]
async fn a_list_takes_as_many_pages_as_it_needs() {
    let mut demo = Demo::start(&[]).await;
    for n in 0..3 {
        let order = format!("mord-{n}");
        let create = [
            "trigger",
            "qingcloud-market",
            "create",
            "--to",
            &demo.url,
            "--order",
            &order,
        ];
        assert_eq!(demo.type_in(&create).await.0, Some(0));
    }
    let (_, stdout, stderr) = demo.type_in(&["order", "list", "--limit", "2"]).await;
    assert_eq!(stdout.lines().count(), 3, "{stdout}");
    let next = stderr
        .trim()
        .rsplit(' ')
        .next()
        .expect("where to go on")
        .to_owned();
    let (_, stdout, stderr) = demo.type_in(&["order", "list", "--after", &next]).await;
    assert!(
        stdout.contains("mord-0") && !stdout.contains("mord-1"),
        "{stdout}"
    );
    assert_eq!(stderr, "");
    demo.stop().await;
}

#[tokio::test]
async fn when_a_key_was_used_is_known_after_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let kept = ["--data", data.path().to_str().expect("a path")];
    let mut demo = Demo::start(&kept).await;
    let called = ["trigger", "qingcloud-market", "test", "--to", &demo.url];
    assert_eq!(demo.type_in(&called).await.0, Some(0));
    let before = demo.type_in(&["secret", "list", "--json"]).await.1;
    demo.stop().await;
    let demo = Demo::start(&kept).await;
    let after = demo.type_in(&["secret", "list", "--json"]).await.1;
    assert_eq!(after, before);
    assert!(before.contains("last_used_at\":\"2"), "{before}");
}
