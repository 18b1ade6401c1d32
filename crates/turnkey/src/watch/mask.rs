//! What may be shown of a request: everything but what proves who sent it.

/// Names that hold one of these words are masked, in a query as in a header.
const SECRET_WORDS: [&str; 9] = [
    "signature",
    "token",
    "secret",
    "password",
    "passwd",
    "auth",
    "cookie",
    "credential",
    "key",
];

/// What stands in place of a secret.
pub const MASK: &str = "********";

/// `request`, as it was kept by the call log, with signature, keys, accounts and tokens masked. A
/// body is counted and not shown: it has no names that we know.
#[must_use]
pub fn masked(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let mut shown = masked_line(lines.next().unwrap_or_default());
    for line in lines {
        shown.push('\n');
        shown.push_str(&masked_header(line));
    }
    if !body.is_empty() {
        shown.push_str(&format!("\n\n[a body of {} bytes]", body.len()));
    }
    shown
}

fn masked_line(line: &str) -> String {
    let Some((before, query)) = line.split_once('?') else {
        return line.to_owned();
    };
    let (query, after) = query.rsplit_once(' ').unwrap_or((query, ""));
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
        Some(_) | None => pair.to_owned(),
    });
    let pairs: Vec<_> = pairs.collect();
    format!("{before}?{} {after}", pairs.join("&"))
}

fn masked_header(line: &str) -> String {
    match line.split_once(": ") {
        Some((name, _)) if is_secret(name) => format!("{name}: {MASK}"),
        Some(_) | None => line.to_owned(),
    }
}

/// By the name as the other end reads it: escaped in another way it is the same.
fn is_secret(name: &str) -> bool {
    let name = percent_encoding::percent_decode_str(name)
        .decode_utf8_lossy()
        .to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn what_proves_who_sent_it_is_masked_however_it_is_spelled() {
        let request = b"GET /spi/notes?action=CreateInstance&signature=SECRET%3D&order_id=mord-1\
            &Sign%61ture=SECRET&access_token=SECRET HTTP/1.1\r\nhost: a.example\r\n\
            authorization: Bearer SECRET\r\nx-app-signature: SECRET\r\n\r\npassword=SECRET";
        assert_eq!(
            masked(request),
            "GET /spi/notes?action=CreateInstance&signature=********&order_id=mord-1\
             &Sign%61ture=********&access_token=******** HTTP/1.1\nhost: a.example\n\
             authorization: ********\nx-app-signature: ********\n\n[a body of 15 bytes]"
        );
        // Cut off in the middle, or no request at all.
        assert_eq!(
            masked(b"GET /spi?signature=SECR"),
            "GET /spi?signature=******** "
        );
        assert_eq!(masked(b""), "");
        assert_eq!(masked(&[0xff, b'?', 0xfe]), "\u{fffd}?\u{fffd} ");
    }
}
