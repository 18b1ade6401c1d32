//! No delivered password, key or token is found by a byte search over the database files and the
//! logs at debug level.

use std::path::Path;

use rustix::process::Signal;

use crate::app::KEY;
use crate::binary::{Site, create};

/// A vendor whose every word is a secret.
const PROGRAM: &str = r#"
set -eu
ask=$(cat)
if [ ! -e failed ]; then
    : >failed
    printf 'cannot reach https://admin:SECRET-userinfo@db.internal/ with password=SECRET-stderr\n' >&2
    exit 1
fi
printf '{"access":{"front_end":{"url":"https://saas.example/?token=SECRET-url","username":"SECRET-user","password":"SECRET-password"},"admin":{"url":"https://saas.example/SECRET-admin"},"auth_url":"https://saas.example/SECRET-sso","extra":{"licence":"SECRET-licence"}}}'
"#;

fn found(folder: &Path, secret: &str) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() && !path.ends_with("vendor") {
            places.extend(found(&path, secret));
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).expect("a file");
            if bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
            {
                places.push(path.display().to_string());
            }
        }
    }
    places
}

#[tokio::test]
async fn nothing_secret_is_in_the_data_files_or_in_the_log() {
    let site = Site::new();
    std::fs::write(site.vendor.folder.join("program.sh"), PROGRAM).expect("the program");
    let served = site.serve().await;
    let id = served.call(&create("mord-1")).await.instance();
    assert_eq!(served.call(&create("mord-1")).await.instance(), id);
    let wrong = crate::wire::signed(
        &create("mord-2"),
        "SECRET-wrong-key",
        turnkey_engine::SystemClock::wall(),
    );
    let signature = wrong
        .split_once("signature=")
        .expect("a signature")
        .1
        .to_owned();
    let refused = crate::wire::get(served.address, &format!("/spi/notes?{wrong}")).await;
    assert_eq!(refused.status, 401);

    let master = std::fs::read_to_string(site.folder.path().join("test.key")).expect("a key");
    std::fs::remove_file(site.folder.path().join("test.key")).expect("its own file");
    std::fs::remove_file(site.folder.path().join("prod.key")).expect("its own file");
    let nowhere = |when: &str| {
        for secret in [
            "SECRET",
            "saas.example",
            KEY,
            master.trim(),
            signature.as_str(),
        ] {
            let places = found(site.folder.path(), secret);
            assert!(places.is_empty(), "{secret:?} {when}: {places:?}");
        }
    };
    nowhere("in the write-ahead log, while it runs");
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
    nowhere("after it was closed");
    let log = std::fs::read_to_string(site.log()).expect("a log");
    assert!(
        log.contains("DEBUG") && log.contains("mord-1"),
        "the log is at debug level: {log}"
    );
    assert!(
        log.contains("cannot reach"),
        "the operator learns why it failed: {log}"
    );
}
