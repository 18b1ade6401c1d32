//! Canonical forms and signatures, as tables. The signatures of the bastion's requests equal the
//! official Node.js signer's (V2) and the official Python signer's (V3); checked in November 2026.

use turnkey_dialects::jdcloud::{
    Scope, Spelling, Version, canonical_query, canonical_uri, hex, signature, signing_key,
    string_to_sign,
};

use super::{DATE, SIGNED_AT, Sent, scope};
use crate::door::key;

#[test]
fn paths_have_one_form() {
    let cases = [
        ("", "/"),
        ("v1", "/v1"),
        ("/v1/", "/v1/"),
        ("///v1//x", "/v1/x"),
        ("%2Fv1%2F%2fx", "/v1/x"),
        ("/v1/%2/%2f/%2b%f", "/v1/%252/%2B%25f"),
        ("/a+b", "/a%20b"),
        ("/a:b", "/a%3Ab"),
        ("/a%3ab", "/a%3Ab"),
        ("/中", "/%E4%B8%AD"),
        ("/%ff%00", "/%FF%00"),
        ("/-._~", "/-._~"),
    ];
    for (path, expected) in cases {
        assert_eq!(canonical_uri(path), expected, "{path}");
    }
}

#[test]
fn queries_have_one_form() {
    let cases = [
        ("", ""),
        ("&&", ""),
        ("=a&a=a", "a=a"),
        ("b&a", "a=&b="),
        ("a=b=c", "a=b%3Dc"),
        ("pageSize=10&pageNumber=2", "pageNumber=2&pageSize=10"),
        // Names are compared first: `a` stands before `a-`, although `-` is less than `=`.
        ("a-=1&a=2", "a=2&a-=1"),
        ("a=2&a=10", "a=10&a=2"),
        ("o=%&u=+%20", "o=%25&u=%20%20"),
        ("a=%zz%2", "a=%25zz%252"),
        (
            " =blank&%20=blank&+= 2&%2b= 1&blank= &blank=+&blank=%20",
            "%20=%202&%20=blank&%20=blank&%2B=%201&blank=%20&blank=%20&blank=%20",
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(canonical_query(query), expected, "{query}");
    }
}

/// The steps of the official document's example.
#[test]
fn the_documented_example_is_right_step_by_step() {
    let secret = key("TESTSK");
    let scope = Scope {
        version: Version::V2,
        day: "20190214",
        region: "cn-north-1",
        service: "test",
    };
    let signing = signing_key(secret.secret(), &scope);
    let expected = "a4e50bcb6001be0008696b173c30172b5ce22a77db00d21c6a9d69de2ba33b7d";
    assert_eq!(hex(&signing), expected);
    let canonical = "POST\n/v1/resource%3Aaction\no=%25&p0=p0&p1=p1&u=u\n\
        x-jdcloud-date:20190214T104514Z\nx-jdcloud-nonce:testnonce\nx-my-header:test\n\
        x-my-header_blank:blank\n\n\
        x-jdcloud-date;x-jdcloud-nonce;x-my-header;x-my-header_blank\n\
        e51832a118eeff7ad976d635b7d04538e362e4c21bd0f6253580b0a83a209074";
    let message = string_to_sign(&scope, "20190214T104514Z", canonical.as_bytes());
    let expected = "JDCLOUD2-HMAC-SHA256\n20190214T104514Z\n\
        20190214/cn-north-1/test/jdcloud2_request\n\
        fb2e317056269590681d091f8eb22272967c0b922b2deda887312215ea4eed4c";
    assert_eq!(message, expected);
    let expected = "2a98f83c074e7bee260bfc8ef64f009c07595bd93f7f0c3f4e156bf6479ed9bf";
    assert_eq!(hex(&signature(&signing, &message)), expected);
}

const LIST: &str = "pageNumber=1&pageSize=20&filters.1.name=name\
    &filters.1.values.1=a%20b%2Bc%2F%E4%B8%AD%26x%3D1%25\
    &sorts.1.name=createTime&sorts.1.direction=desc";

const BUY: &str = r#"{"regionId":"cn-north-1","instanceSpec":{"az":"cn-north-1a","vpcId":"vpc-1","subnetId":"subnet-1","spec":"50","quantity":1,"ipVersion":"v4&v6","desc":"堡垒机"},"chargeSpec":{"chargeMode":"prepaid_by_duration","chargeUnit":"month","chargeDuration":1}}"#;

/// Method, path, query, body; the signature in V2 and in V3.
const BASTION: [([&str; 4], [&str; 2]); 4] = [
    (
        ["POST", "/v1/regions/cn-north-1/instances", "", BUY],
        [
            "8507511e10590364f77fc0e2e63a29becbccf88d8ae8c4468a1b3542ba2ca9c6",
            "e3f584684c9efefce17db93d01e3ef79cdabcf78d4a68678df87e5974e09c679",
        ],
    ),
    (
        ["GET", "/v1/regions/cn-north-1/bastions", LIST, ""],
        [
            "9b9abf8e8908d6c0ac90727a92d2b206fa0f6e18db37d442c691cc9c8bfb4bf6",
            "482b3428277d0357904dc48419e467ab42b196165ac4759eeab54ac462827d03",
        ],
    ),
    (
        [
            "POST",
            "/v1/regions/cn-north-1/instances/bst-abc123:modifyInstanceExpireOrStart",
            "",
            r#"{"status":13}"#,
        ],
        [
            "0e638bc89cd56fdb3e0200c2912851503136511be22c4c218b6e897186eb0f55",
            "88d51d74f33b5b4aa8304f7130de05cfb7564e4603808c1135de968cffeb4414",
        ],
    ),
    (
        [
            "DELETE",
            "/v1/regions/cn-north-1/instance/bst-abc123",
            "",
            "",
        ],
        [
            "eb32942728ae57bc2dad377658a8501e68ed85ab0edff93ceb78e2302190d288",
            "a18a84c5d47c8603302e525c9211587b46e05644a814ee7a0c0409f1294d41d5",
        ],
    ),
];

#[test]
fn the_bastion_s_requests_are_signed_as_the_official_signers_sign_them() {
    let expected = [
        "c0807ebe5e85fa3e8971c652e241880ae8140981363279de9097669a99587941",
        "edcdabd9021272e7802622b898cf2f47f0031d9239252647146ed3b0ff224d87",
    ];
    let keys = Version::ALL.map(|v| hex(&signing_key(key("TESTSK").secret(), &scope(v))));
    assert_eq!(keys, expected);
    let nonce = "11111111-2222-4333-8444-555555555555";
    for ([method, path, query, body], signatures) in BASTION {
        for (version, signature) in Version::ALL.into_iter().zip(signatures) {
            let (algorithm, digit) = match version {
                Version::V2 => ("JDCLOUD2-HMAC-SHA256", 2),
                Version::V3 => ("JDCLOUD3-HMAC-SHA256", 3),
            };
            let authorization = format!(
                "{algorithm} Credential=TESTAK/20260105/cn-north-1/bastion/jdcloud{digit}_request, \
                 SignedHeaders=content-type;host;x-jdcloud-date;x-jdcloud-nonce, \
                 Signature={signature}"
            );
            let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
            let sent = Sent {
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                headers: vec![
                    header("Host", "bastion.example.test:8080"),
                    header("Content-Type", "application/json"),
                    header("X-Jdcloud-Date", DATE),
                    header("X-Jdcloud-Nonce", nonce),
                    header("Authorization", &authorization),
                ],
                body: body.as_bytes().to_vec(),
            };
            sent.told("TESTAK", &[key("TESTSK")], SIGNED_AT, |told| {
                let proof = told.unwrap_or_else(|fault| panic!("{method} {path}: {fault:?}"));
                assert_eq!(proof.spelling, Spelling::Plain);
                assert_eq!(proof.nonce().as_deref(), Some(nonce));
            });
        }
    }
}
