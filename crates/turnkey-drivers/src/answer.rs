//! An answer over HTTP: read whole within bounds, or why there is none.

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nobody listens, or not in TLS.
    Nobody,
    /// It did not come in time.
    Late,
    /// The connection broke off.
    Broken,
}

impl From<&reqwest::Error> for Silence {
    fn from(error: &reqwest::Error) -> Self {
        // Whoever did not even take the connection in time is not there.
        if error.is_connect() {
            Self::Nobody
        } else if error.is_timeout() {
            Self::Late
        } else {
            Self::Broken
        }
    }
}

/// What went wrong, without the layers around it: "connection refused" says it all.
#[must_use]
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The whole body of `response`; `None` where it has more than `bytes_max` bytes.
///
/// # Errors
/// When the connection breaks off, or the rest does not come in time.
pub async fn whole(
    response: &mut reqwest::Response,
    bytes_max: usize,
) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
