//! The signature doctor: each known mistake, made on purpose, is named.

mod bounds;
mod clock;
mod jdcloud;
mod qingcloud;

use secrecy::SecretString;
use turnkey_core::UtcMillis;
use turnkey_dialects::explain::{Candidate, Case, Explain, Explanation, Verdict};
use turnkey_dialects::{Request, find};

/// A key of every kind: valid base64, with letters of both cases.
pub(crate) const KEY: &str = "Zm9vYmFyQmF6UXV4";

pub(crate) fn doctor(dialect: &str) -> &'static dyn Explain {
    find(dialect).unwrap().faces().explain.unwrap()
}

/// What the doctor says of `request`; the first of `keys` is right.
pub(crate) fn explained(
    doctor: &dyn Explain,
    request: &Request<'_>,
    keys: &[&str],
    now: UtcMillis,
) -> Explanation {
    with_case(keys, now, |case| doctor.explain(request, case))
}

pub(crate) fn with_case<T>(keys: &[&str], now: UtcMillis, then: impl FnOnce(&Case<'_>) -> T) -> T {
    let secrets: Vec<SecretString> = keys.iter().map(|key| (*key).to_owned().into()).collect();
    let candidates: Vec<_> = secrets
        .iter()
        .enumerate()
        .map(|(place, secret)| Candidate {
            label: ["first", "second", "third"].get(place).unwrap_or(&"more"),
            access_key: None,
            secret,
            is_own: place == 0,
        })
        .collect();
    then(&Case {
        keys: &candidates,
        product_code: None,
        clock_skew_ms: 300_000,
        now,
        at_server: false,
    })
}

pub(crate) fn named(said: &Explanation) -> Vec<&'static str> {
    let mistakes = said.cause.iter().flat_map(|cause| &cause.mistakes);
    mistakes.map(|mistake| mistake.code).collect()
}

/// Dice that fall the same every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

/// Of random pairs of mistakes, those that make another signature, the doctor names 95 in a hundred:
/// what it names makes the same bytes. `request` with the signature put in is what it is asked about.
pub(crate) fn assert_pairs_are_named(
    doctor: &dyn Explain,
    now: UtcMillis,
    rounds: usize,
    mut with: impl FnMut(
        &mut Dice,
        &mut dyn FnMut(&Request<'_>) -> Option<String>,
    ) -> Option<Explanation>,
) {
    let mut dice = Dice(0x5eed_0001);
    let codes: Vec<_> = doctor.mistakes().iter().map(|m| m.code).collect();
    let codes: Vec<_> = codes.into_iter().filter(|c| *c != "wrong_key").collect();
    let (mut asked, mut answered) = (0, 0);
    for _ in 0..rounds {
        let (one, other) = (dice.below(codes.len()), dice.below(codes.len()));
        if one == other {
            continue;
        }
        let pair = [codes[one], codes[other]];
        let mut received = None;
        let said = with(&mut dice, &mut |request| {
            received = with_case(&[KEY], now, |case| doctor.made(request, case, &pair));
            received.clone()
        });
        let (Some(said), Some(received)) = (said, received) else {
            continue;
        };
        if matches!(said.verdict, Verdict::Good) {
            continue;
        }
        asked += 1;
        answered += usize::from(said.cause.is_some());
        assert_eq!(
            said.received.as_deref(),
            Some(received.as_str()),
            "{pair:?}"
        );
    }
    assert!(asked * 2 > rounds, "{asked} of {rounds}");
    assert!(answered * 100 >= asked * 95, "{answered} of {asked} named");
}

#[test]
fn no_bytes_make_a_doctor_panic() {
    let mut dice = Dice(0x5eed_0004);
    for dialect in turnkey_dialects::all() {
        let doctor = dialect.faces().explain.unwrap();
        for _ in 0..10 {
            let mut noise = |bytes: usize| -> Vec<u8> {
                let byte = |_| u8::try_from(dice.below(256)).unwrap();
                (0..bytes).map(byte).collect()
            };
            let query = String::from_utf8_lossy(&noise(20)).replace(['%', '&'], "=");
            let query = format!("{query}&signature=a&timestamp=1");
            let authorization = [
                b"JDCLOUD2-HMAC-SHA256 Credential=AK/, Signature=",
                noise(9).as_slice(),
            ]
            .concat();
            let body = noise(9);
            let path = String::from_utf8_lossy(&noise(9)).into_owned();
            let request = Request {
                method: "é",
                path: &path,
                query: &query,
                headers: &[("authorization", &authorization), ("host", &body)],
                body: &body,
            };
            let said = explained(doctor, &request, &[KEY], UtcMillis(0));
            assert_ne!(said.verdict, Verdict::Good);
        }
    }
}
