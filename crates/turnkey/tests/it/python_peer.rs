//! An independent signer: the documentation's own recipe, in Python, calls the real door.

use tokio::process::Command;

use crate::app::{App, KEY};

/// The recipe of the documentation's security page, with either of Python's encoders.
const RECIPE: &str = r#"
import base64, hashlib, hmac, json, sys, urllib.parse, urllib.request
url, key, timestamp, quote = sys.argv[1:5]
params = json.loads(sys.argv[5])
params["timestamp"] = timestamp
encode = dict(plus=urllib.parse.quote_plus, percent=urllib.parse.quote)[quote]
message = urllib.parse.urlencode(sorted(params.items()), quote_via=encode)
digest = hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
query = message + "&signature=" + urllib.parse.quote_plus(base64.b64encode(digest))
with urllib.request.urlopen(url + "?" + query) as answer:
    assert answer.headers["Content-Type"] == "application/json", answer.headers
    print(answer.read().decode())
"#;

async fn called(app: &App, quote: &str, order: &str) -> serde_json::Value {
    let params = serde_json::json!({
        "action": "CreateInstance",
        "order_id": order,
        "qingcloud_uid": "usr a~b*c",
        "product_code": "prod-x",
        "spec": "规格",
        "package": "套餐",
        "duration": "1_year",
        "debug": 0,
        "note": "50% off & more = ~*/+",
    });
    let output = Command::new("python3")
        .arg("-c")
        .arg(RECIPE)
        .arg(format!("http://{}/spi/notes", app.address))
        .args([KEY, &(app.now().wall.0 / 1000).to_string()])
        .args([quote, &params.to_string()])
        .output()
        .await
        .expect("python3 is missing; `cargo xtask test` installs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("an answer in JSON")
}

#[tokio::test]
async fn both_of_pythons_encoders_are_understood_and_mean_the_same() {
    let app = App::start().await;
    let plus = called(&app, "plus", "mord-py").await;
    let percent = called(&app, "percent", "mord-py").await;
    assert_eq!(plus, percent);
    assert!(
        plus["instanceId"]
            .as_str()
            .expect("an id")
            .starts_with("i-")
    );
    app.stop().await;
}
