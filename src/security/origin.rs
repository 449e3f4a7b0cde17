//! Whether a request comes from a page of our own.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};

use crate::kernel::problem::Problem;

/// Refuses a request that a page of another site sent.
///
/// Browsers name the page's origin in `Origin` on every change and on every WebSocket; it must be that of
/// `public_url`, or, when that is empty, have the host that the browser asked for. A request without
/// `Origin` is refused when `Sec-Fetch-Site` says that another site is behind it; without both it does not
/// come from a browser that other sites could misuse.
///
/// # Errors
/// 403 `wrong_origin`.
pub fn same_origin(headers: &HeaderMap, public_url: &str) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|v: &axum::http::HeaderValue| v.to_str().unwrap_or("unreadable"));
    let own = match text(header::ORIGIN) {
        Some(origin) if public_url.is_empty() => {
            let asked = text(header::HOST).and_then(|host| host.parse().ok());
            asked.is_some() && host_of(origin) == asked
        }
        Some(origin) => root_of(origin).is_some() && root_of(origin) == root_of(public_url),
        None => matches!(
            text(header::HeaderName::from_static("sec-fetch-site")),
            None | Some("same-origin" | "none")
        ),
    };
    if own { Ok(()) } else { Err(Problem::new(StatusCode::FORBIDDEN, "wrong_origin")) }
}

fn host_of(origin: &str) -> Option<Authority> {
    root_of(origin).map(|(_, authority)| authority)
}

/// Scheme and host with the port, `None` for `null` and anything else that is no address.
fn root_of(url: &str) -> Option<(String, Authority)> {
    let parts = url.parse::<Uri>().ok()?.into_parts();
    Some((parts.scheme?.as_str().to_owned(), parts.authority?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(public_url: &str, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        same_origin(&map, public_url).is_ok()
    }

    #[test]
    fn only_our_own_pages_are_taken() {
        let host = ("host", "desk.example.jp:8443");
        for (public, headers, expected) in [
            ("", vec![host, ("origin", "https://desk.example.jp:8443")], true),
            ("", vec![host, ("origin", "https://DESK.example.jp:8443")], true),
            ("", vec![host, ("origin", "https://desk.example.jp")], false),
            ("", vec![host, ("origin", "https://evil.example")], false),
            ("", vec![host, ("origin", "https://desk.example.jp:8443.evil.example")], false),
            ("", vec![host, ("origin", "null")], false),
            ("", vec![("origin", "https://desk.example.jp:8443")], false),
            ("https://d.example", vec![host, ("origin", "https://d.example")], true),
            ("https://d.example", vec![host, ("origin", "http://d.example")], false),
            ("https://d.example", vec![host, ("origin", "https://desk.example.jp:8443")], false),
            ("", vec![host], true),
            ("", vec![host, ("sec-fetch-site", "same-origin")], true),
            ("", vec![host, ("sec-fetch-site", "none")], true),
            ("", vec![host, ("sec-fetch-site", "same-site")], false),
            ("", vec![host, ("sec-fetch-site", "cross-site")], false),
        ] {
            assert_eq!(taken(public, &headers), expected, "{public} {headers:?}");
        }
    }
}
