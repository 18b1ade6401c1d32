//! What a signed time tells that is not now.

use turnkey_core::UtcMillis;
use turnkey_dialects::Request;
use turnkey_dialects::explain::{Case, Finding};

use super::{KEY, doctor, explained, with_case};

const NOW: UtcMillis = UtcMillis(1_760_000_000_000);

fn get(query: &str) -> Request<'_> {
    Request {
        method: "GET",
        path: "/spi/shop",
        query,
        headers: &[],
        body: b"",
    }
}

fn told(dialect: &str, query: &str) -> Vec<Finding> {
    explained(doctor(dialect), &get(query), &[KEY], NOW).also
}

fn codes(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|finding| finding.code).collect()
}

#[test]
fn whose_clock_it_is_is_told() {
    let (market, appcenter) = ("qingcloud-market", "qingcloud-appcenter");
    for (dialect, query, wanted) in [
        (
            market,
            "timestamp=1760028800&signature=a",
            &["timestamp_future", "time_is_beijing"][..],
        ),
        (
            market,
            "timestamp=1759971210&signature=a",
            &["timestamp_stale", "time_taken_for_beijing"],
        ),
        (
            market,
            "timestamp=1760029800&signature=a",
            &["timestamp_future"],
        ),
        (
            market,
            "timestamp=1760000000000&signature=a",
            &["timestamp_future", "time_in_milliseconds"],
        ),
        (
            appcenter,
            "time_stamp=2025-10-09T16:53:20Z&signature=a",
            &["timestamp_future", "time_is_beijing"],
        ),
        (
            appcenter,
            "time_stamp=1760000000000&signature=a",
            &["timestamp_malformed", "time_in_milliseconds"],
        ),
    ] {
        assert_eq!(codes(&told(dialect, query)), wanted, "{query}");
    }
    let milliseconds = told(market, "timestamp=1760000000000&signature=a");
    assert!(
        milliseconds[1]
            .en
            .ends_with("the same moment is 1760000000")
    );
    let spelt = told(appcenter, "time_stamp=1760000000000&signature=a");
    assert!(
        spelt[1]
            .en
            .ends_with("the same moment is 2025-10-09T08:53:20Z")
    );
}

#[test]
fn a_bastions_clock_is_told_too() {
    let authorization = b"JDCLOUD2-HMAC-SHA256 Credential=AK/20260105/cn-east-2/bastion/jdcloud2_request, SignedHeaders=x-jdcloud-date;x-jdcloud-nonce;host, Signature=0000000000000000000000000000000000000000000000000000000000000000";
    let request = Request {
        headers: &[
            ("authorization", authorization),
            ("x-jdcloud-date", b"20260105T100304Z"),
            ("x-jdcloud-nonce", b"n"),
            ("host", b"a"),
        ],
        ..get("")
    };
    let now = UtcMillis(1_767_578_584_000);
    let said = explained(doctor("jdcloud-bastion"), &request, &[KEY], now);
    let found = codes(&said.also);
    assert_eq!(found, ["timestamp_future", "time_is_beijing"]);
    assert!(said.also[0].en.contains("28800 s ahead"));
    assert!(!said.also[0].en.contains("server's time"));
}

#[test]
fn the_servers_time_is_told_where_there_is_a_server() {
    let query = "timestamp=1760001000&signature=a";
    for at_server in [true, false] {
        let said = with_case(&[KEY], NOW, |case| {
            let case = Case { at_server, ..*case };
            doctor("qingcloud-market").explain(&get(query), &case)
        });
        let is_told = said.also[0].en.contains("the server's time is 1760000000");
        assert_eq!(is_told, at_server);
    }
}
