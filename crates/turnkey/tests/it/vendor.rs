//! A vendor's provisioning program that does what the test says, when the test says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::app::NOTES;

/// A program for the `command` driver. It notes every run in `runs`, waits for the file
/// `go.<kind>` (or `go`), then answers; the second run under a key repeats the first answer.
const PROGRAM: &str = r#"
set -eu
field() { printf '%s' "$ask" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
ask=$(cat)
operation=$(field operation)
kind=$(field kind)
printf '%s %s\n' "$kind" "$operation" >>runs
: >"began.$kind"
while [ ! -e go ] && [ ! -e "go.$kind" ]; do sleep 0.02; done
if [ -e "refuse.$kind" ]; then
    printf '{"message":"no %s today"}\n' "$kind"
    exit 65
fi
if [ "$kind" = provision ]; then
    printf '{"access":{"front_end":{"url":"https://saas.example/%s","username":"root","password":"hunter22-%s"}}}\n' "$operation" "$operation"
fi
"#;

/// Who delivers what is bought at [`NOTES`].
const PROVISIONED: &str = r#"
    [product.notes]
    driver = "command"
    [product.notes.command]
    argv = ["sh", "program.sh"]
    directory = "vendor"
"#;

/// A vendor with a product `notes` that is provisioned by [`PROGRAM`].
pub(crate) struct Vendor {
    pub(crate) folder: PathBuf,
}

impl Vendor {
    /// The vendor's folder inside `folder`, and the configuration that uses it.
    pub(crate) fn in_folder(folder: &TempDir) -> (Self, String) {
        let vendor = folder.path().join("vendor");
        std::fs::create_dir(&vendor).expect("a folder for the vendor");
        std::fs::write(vendor.join("program.sh"), PROGRAM).expect("the program");
        let toml = format!("{NOTES}{PROVISIONED}");
        (Self { folder: vendor }, toml)
    }

    /// Lets the program answer; `what` is a kind of operation, or nothing for all.
    pub(crate) fn go(&self, what: &str) {
        let name = if what.is_empty() {
            "go".to_owned()
        } else {
            format!("go.{what}")
        };
        std::fs::write(self.folder.join(name), "").expect("a go");
    }

    /// Makes the program refuse `kind`.
    pub(crate) fn refuse(&self, kind: &str) {
        std::fs::write(self.folder.join(format!("refuse.{kind}")), "").expect("a refusal");
    }

    /// Waits until the program was asked to do `kind`.
    pub(crate) async fn began(&self, kind: &str) {
        exists(&self.folder.join(format!("began.{kind}"))).await;
    }

    /// Every run so far: kind and operation key.
    pub(crate) fn runs(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.folder.join("runs")).unwrap_or_default();
        let run = |line: &str| {
            line.split_once(' ')
                .map(|(k, o)| (k.to_owned(), o.to_owned()))
        };
        text.lines().filter_map(run).collect()
    }
}

/// Waits for `path` to exist.
pub(crate) async fn exists(path: &Path) {
    for _ in 0..3_000 {
        if path.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} never came to be", path.display());
}
