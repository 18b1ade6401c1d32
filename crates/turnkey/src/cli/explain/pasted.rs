//! What somebody pasted: a line of a log, a shell command, a mail. The URL or the query in it is
//! taken out, and nothing of that is normalised but what the text around it did to its `&`.

use std::cmp::Reverse;

/// The URL or the query that `text` holds; `text` itself where it is one.
pub(super) fn target(text: &str) -> String {
    let text = text.trim();
    if let Some(whole) = unwrapped(text) {
        return unescaped(&whole);
    }
    let pieces = text.split(is_around);
    let pieces: Vec<_> = pieces
        .map(|piece| match bare(piece) {
            // A URL by itself may end in anything.
            whole if whole == text => whole,
            part => part.trim_end_matches(ENDS),
        })
        .collect();
    let ranked = pieces.iter().enumerate();
    let ranked = ranked.map(|(place, piece)| (rank(piece), Reverse(place), *piece));
    let best = ranked.max().filter(|(rank, ..)| *rank > 0);
    let Some((_, _, piece)) = best else {
        return text.to_owned();
    };
    // A raw space in a value: whoever sent that signed it, so that it stays.
    let signatures = text.matches("signature=").count();
    if rank(bare(text)) > 0 && signatures == 1 && has_raw_blank(text, &pieces) {
        return unescaped(text);
    }
    unescaped(piece)
}

/// What no URL has, and what text puts around one.
fn is_around(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '<' | '>' | '`' | '“' | '”' | '‘' | '’' | '「' | '」'
        )
}

/// A URL that a mail broke into lines, each of which is nothing but a part of it.
fn unwrapped(text: &str) -> Option<String> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let (first, rest) = lines.split_first()?;
    let is_begun = first.contains('?') && !rest.is_empty();
    let is_part = |line: &&str| !line.is_empty() && !line.contains(is_around);
    let is_whole =
        is_begun && lines.iter().all(is_part) && !rest.iter().any(|line| line.contains("://"));
    is_whole.then(|| lines.concat())
}

/// Whether the blanks of `text` stand in a query and not around it: it begins with a URL, and what
/// follows that is more of the parameters.
fn has_raw_blank(text: &str, pieces: &[&str]) -> bool {
    let is_more = |piece: &&&str| piece.contains('=') && !piece.contains("://");
    let begins = ["http://", "https://", "/"];
    begins.iter().any(|begin| text.starts_with(begin))
        && !text.contains(|c| is_around(c) && c != ' ')
        && !text.contains(" HTTP/")
        && !text.contains(" -")
        && pieces.iter().skip(1).any(|piece| is_more(&piece))
}

/// How much like a signed URL it is; 0 is not at all.
fn rank(piece: &str) -> u32 {
    let has = |text: &str| piece.contains(text);
    let points = |is_so: bool, points: u32| if is_so { points } else { 0 };
    let is_query = has("=") && has("&");
    points((has("?") || has("&")) && has("signature="), 8)
        + points(has("?") && has("="), 4)
        + points(
            piece.starts_with("http://") || piece.starts_with("https://"),
            2,
        )
        + points(piece.starts_with('/') || is_query, 1)
}

/// What may stand behind a URL in a text.
const ENDS: [char; 10] = [',', ';', ')', ']', '}', '\\', '。', '，', '；', '）'];

/// `piece` without single quotes around it and a name in front.
fn bare(piece: &str) -> &str {
    let mut piece = piece;
    if let Some((before, rest)) = piece.split_once('\'')
        && !before.contains(['?', '&'])
    {
        piece = rest.rsplit_once('\'').map_or(rest, |(inside, _)| inside);
    }
    let head = piece.split('?').next().unwrap_or_default();
    let scheme = head.rfind("https://").or_else(|| head.rfind("http://"));
    let path = head.find('/').filter(|at| {
        let before = head.get(..*at).unwrap_or_default();
        before.ends_with(['=', ':', '(', ','])
    });
    let from = scheme.or(path).unwrap_or_default();
    piece.get(from..).unwrap_or(piece)
}

/// What HTML, JSON and a shell write for `&`, undone where no `&` stands by itself: where one does,
/// the sender wrote the others.
fn unescaped(text: &str) -> String {
    const WRITTEN: [&str; 3] = ["&amp;", "\\u0026", "\\&"];
    let alone = WRITTEN
        .iter()
        .fold(text.to_owned(), |text, written| text.replace(written, ""));
    if alone.contains('&') || alone == text {
        return text.to_owned();
    }
    let plain = WRITTEN
        .iter()
        .fold(text.to_owned(), |text, written| text.replace(written, "&"));
    // Who escapes the one escapes the others.
    let shell = plain.replace("\\?", "?").replace("\\=", "=");
    shell.replace("\\u003d", "=").replace("\\/", "/")
}

#[cfg(test)]
mod tests {
    use super::target;

    const URL: &str = "https://v.example/spi?action=Ping&timestamp=1&signature=a%2Fb%3D";
    const TARGET: &str = "/spi?action=Ping&timestamp=1&signature=a%2Fb%3D";
    const QUERY: &str = "action=Ping&timestamp=1&signature=a%2Fb%3D";

    #[test]
    fn the_url_is_taken_out_of_what_was_pasted() {
        for (pasted, taken) in [
            (URL.to_owned(), URL),
            (QUERY.to_owned(), QUERY),
            (format!("{URL}\n"), URL),
            (format!(" \t{QUERY} \r\n"), QUERY),
            (format!("'{URL}'"), URL),
            (format!("\"{QUERY}\""), QUERY),
            (format!("<{URL}>"), URL),
            (format!("see {URL}, please"), URL),
            (format!("（“{URL}”）。"), URL),
            (format!("GET {TARGET} HTTP/1.1"), TARGET),
            (format!("GET {URL} HTTP/1.1\r\nHost: v.example\r\n"), URL),
            (
                format!(
                    "1.2.3.4 - - [09/Oct/2025:08:53:20 +0000] \"GET {TARGET} HTTP/1.1\" 401 12 \"https://r.example/?a=b\" \"curl/8\""
                ),
                TARGET,
            ),
            (
                format!("curl '{URL}' \\\n  -H 'Accept: */*' -H 'Cookie: a=b&c=d'"),
                URL,
            ),
            (format!("curl -X GET --url='{URL}' -s"), URL),
            (format!("level=info uri={TARGET} status=401"), TARGET),
            (
                format!(r#"{{"uri":"{TARGET}","status":401,"ref":"/x?a=b"}}"#),
                TARGET,
            ),
            (URL.replace('&', "&amp;"), URL),
            (URL.replace('&', "\\u0026"), URL),
            (format!("\"{}\"", URL.replace('&', "\\u0026")), URL),
            (
                format!("curl {}", URL.replace('&', "\\&").replace('?', "\\?")),
                URL,
            ),
            (URL.replace("&time", "&\ntime"), URL),
        ] {
            assert_eq!(target(&pasted), taken, "{pasted}");
        }
    }

    #[test]
    fn what_was_sent_stays_as_it_was() {
        for sent in [
            "https://v.example/spi?a='x'&b=(c)&signature=d",
            "https://v.example/spi?package=team plus&timestamp=1&signature=d",
            "https://v.example/spi?a=1&amp;b=2&signature=d",
            "https://v.example/spi?cb=https://o.example/?x=1&signature=d",
            "http://a.example/x",
            "https://v.example/spi?signature=d&a=(c)",
            "",
            "nothing of the kind",
            "'",
        ] {
            assert_eq!(target(sent), sent);
        }
    }
}
