//! Who reads: the language of a page, from its address or from the browser.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};

use crate::kernel::problem::Problem;
use crate::language::{LangTag, Texts, tag::tags};

/// Languages of `Accept-Language` that are looked at; more are ignored.
const ACCEPTED_MAX: usize = 20;

/// The reader of one page.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    pub texts: &'static Texts,
    /// She chose it: the address says `?lang=…`.
    pub chosen: bool,
}

impl Reader {
    /// Reads the address first, then `Accept-Language`; Japanese when neither names a language with texts.
    #[must_use]
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let asked = Query::<HashMap<String, String>>::try_from_uri(uri)
            .ok()
            .and_then(|query| query.get("lang").and_then(|text| with_texts(text)));
        let accepted = || {
            let header = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
            preferred(header).into_iter().find_map(with_texts)
        };
        match asked {
            Some(texts) => Self { texts, chosen: true },
            None => Self { texts: accepted().unwrap_or_else(|| Texts::get(&tags::JA)), chosen: false },
        }
    }
}

/// The texts of a language; `None` when there are none and English would step in.
fn with_texts(tag: &str) -> Option<&'static Texts> {
    let tag: LangTag = tag.parse().ok()?;
    let texts = Texts::get(&tag);
    (texts.tag().language() == tag.language()).then_some(texts)
}

/// The tags of an `Accept-Language` header, the most wanted first (RFC 9110, 12.5.4).
fn preferred(header: &str) -> Vec<&str> {
    let mut tags: Vec<(&str, f32)> = header
        .split(',')
        .take(ACCEPTED_MAX)
        .map(|item| {
            let (tag, weight) = item.split_once(";q=").unwrap_or((item, "1"));
            (tag.trim(), weight.trim().parse().unwrap_or(0.0))
        })
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    tags.sort_by(|a, b| b.1.total_cmp(&a.1));
    tags.into_iter().map(|(tag, _)| tag).collect()
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self::of(&parts.uri, &parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(uri: &str, accept: &str) -> (String, bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
        let reader = Reader::of(&uri.parse().unwrap(), &headers);
        (reader.texts.tag().to_string(), reader.chosen)
    }

    #[test]
    fn the_address_wins_over_the_browser() {
        let of = |tag: &str, chosen| (tag.to_owned(), chosen);
        assert_eq!(language("/chat?lang=my", "vi"), of("my", true));
        assert_eq!(language("/chat?lang=zh-Hant&desk=a", "vi"), of("zh-Hans", true));
        assert_eq!(language("/chat", "de, en;q=0.5, th;q=0.9"), of("th", false));
        assert_eq!(language("/chat?lang=%3Cb%3E", "vi-VN"), of("vi", false));
        assert_eq!(language("/chat?lang=de", "uz, ru"), of("ja", false));
        assert_eq!(language("/chat", "vi;q=0, ne"), of("ne", false));
    }
}
