//! The public pages, as they leave the program: every page in every language.

use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use madoguchi::language::Texts;
use madoguchi::web::pages::SCRIPT_TEXTS;

use crate::support::TestDb;
use crate::support::client::Person;
use crate::support::server::{Options, TestServer};

/// Bytes of the chat's scripts, compressed; a cheap phone on a slow line fetches them first.
const SCRIPTS_MAX: usize = 15 * 1024;

/// Bytes of the style, compressed.
const STYLE_MAX: usize = 6 * 1024;

/// Bytes of any page, compressed.
const PAGE_MAX: usize = 10 * 1024;

const PAGES: [&str; 5] = ["/", "/chat", "/chat/frame", "/chat/thread", "/privacy"];

fn as_browser(person: &Person, path: &str, compressed: bool) -> Request<Full<bytes::Bytes>> {
    let mut request = person.request(&Method::GET, path, None);
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/html"));
    if compressed {
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    request
}

async fn page(person: &Person, path: &str) -> (StatusCode, String) {
    let answer = person.send(as_browser(person, path, false)).await;
    (answer.status, String::from_utf8(answer.body.to_vec()).expect("a page is text"))
}

/// The values of all attributes `name="…"`.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let mark = format!(" {name}=\"");
    html.split(mark.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn opening(language: &str) -> String {
    let direction = language.parse::<madoguchi::language::LangTag>().expect("a tag").direction();
    format!("<html lang=\"{language}\" dir=\"{}\">", direction.as_str())
}

#[tokio::test]
async fn every_page_speaks_every_language_and_keeps_to_the_house() {
    let server = TestServer::start(TestDb::sqlite().await, Options::default()).await;
    let person = server.anon();
    for language in Texts::languages() {
        for path in PAGES {
            let path = format!("{path}?lang={language}");
            let answer = person.send(as_browser(&person, &path, false)).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
            assert!(policy.starts_with("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
            let html = String::from_utf8(answer.body.to_vec()).expect("text");
            assert!(html.contains(&opening(language.as_str())), "{path}");
            for inline in [" style=\"", "<style", " onclick=\"", " onsubmit=\"", "<script>"] {
                assert!(!html.contains(inline), "{path}: {inline}");
            }
            for address in attributes(&html, "href").iter().chain(&attributes(&html, "src")) {
                assert!(address.starts_with(['/', '#']) && !address.starts_with("//"), "{path}: {address}");
            }
        }
    }
}

#[tokio::test]
async fn the_browser_s_language_is_taken_until_another_is_chosen() {
    let server = TestServer::start(TestDb::sqlite().await, Options::default()).await;
    let mut person = server.anon();
    person.language = "my-MM,my;q=0.9,en;q=0.1".to_owned();
    assert!(page(&person, "/chat").await.1.contains(&opening("my")));
    assert!(page(&person, "/chat?lang=th").await.1.contains(&opening("th")));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_reader_s_language() {
    let server = TestServer::start(TestDb::sqlite().await, Options::default()).await;
    let person = server.anon();
    let (status, html) = page(&person, "/nothing/here?lang=km").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let khmer = Texts::get(&"km".parse().expect("a tag"));
    assert!(html.contains(&opening("km")) && html.contains(khmer.t("error_not_found")));
    let program = person.get("/api/v1/nothing").await;
    assert_eq!((program.status, program.code().as_str()), (StatusCode::NOT_FOUND, "not_found"));
}

#[tokio::test]
async fn files_are_kept_for_good_and_are_small() {
    let server = TestServer::start(TestDb::sqlite().await, Options::default()).await;
    let person = server.anon();
    let asked = person.send(as_browser(&person, "/chat?lang=my", true)).await;
    assert!(asked.body.len() <= PAGE_MAX, "the page has {} bytes", asked.body.len());
    let (_, html) = page(&person, "/chat?lang=my").await;
    let (mut scripts, mut styles) = (0, 0);
    for address in attributes(&html, "href").iter().chain(&attributes(&html, "src")) {
        let kind = address.rsplit_once('.').map_or("", |(_, kind)| kind);
        if !matches!(kind, "js" | "css") {
            continue;
        }
        let file = person.send(as_browser(&person, address, true)).await;
        assert_eq!(file.status, StatusCode::OK, "{address}");
        let cache = file.headers[header::CACHE_CONTROL].to_str().expect("text");
        assert!(cache.contains("immutable"), "{address}: {cache}");
        assert_eq!(file.headers[header::CONTENT_ENCODING], "gzip", "{address}");
        *if kind == "js" { &mut scripts } else { &mut styles } += file.body.len();
    }
    assert!((1..=SCRIPTS_MAX).contains(&scripts), "the scripts have {scripts} bytes");
    assert!((1..=STYLE_MAX).contains(&styles), "the style has {styles} bytes");
    let old = person.get("/static/000000000000/chat.js").await;
    assert_eq!(old.headers[header::CACHE_CONTROL], "no-cache", "an older page still gets its script");
    assert_eq!(person.get("/static/000000000000/../pages.css").await.status, StatusCode::NOT_FOUND);
    let robots = person.get("/robots.txt").await;
    assert!(String::from_utf8_lossy(&robots.body).contains("Disallow: /chat/thread"));
}

#[tokio::test]
async fn the_widget_brings_its_words() {
    let server = TestServer::start(TestDb::sqlite().await, Options::default()).await;
    let answer = server.anon().get("/widget.js").await;
    let script = String::from_utf8(answer.body.to_vec()).expect("text");
    for language in Texts::languages() {
        assert!(script.contains(Texts::get(&language).t("widget_open")), "{language}");
    }
}

/// A form as a browser without script sends it.
fn form(person: &Person, fields: &[(&str, &str)], site: &'static str) -> Request<Full<bytes::Bytes>> {
    let encoded = |text: &str| text.bytes().fold(String::new(), |out, byte| out + &format!("%{byte:02X}"));
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let mut request = person.request(&Method::POST, "/chat?lang=en", None);
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
    headers.insert("sec-fetch-site", HeaderValue::from_static(site));
    *request.body_mut() = Full::new(body.join("&").into());
    request
}

#[tokio::test]
async fn a_message_is_left_without_script_and_only_from_the_own_page() {
    let server = TestServer::start(TestDb::sqlite().await, Options::default()).await;
    let person = server.anon();
    let (_, html) = page(&person, "/chat?lang=en").await;
    let secret = attributes(&html, "value").into_iter().find(|value| value.len() == 43).expect("an id");
    let given = [
        ("client_id", secret),
        ("desk", "workers"),
        ("inquirer", "worker"),
        ("topic", ""),
        ("display_name", ""),
        ("message", "How do I change my <visa>?"),
        ("reply_to", ""),
        ("consent", "true"),
    ];
    let english = Texts::get(&"en".parse().expect("a tag"));

    let foreign = person.send(form(&person, &given, "cross-site")).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);

    let refused = person.send(form(&person, &given[..7], "same-origin")).await;
    let again = String::from_utf8(refused.body.to_vec()).expect("text");
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(again.contains(english.t("error_consent_needed")));
    assert!(again.contains("How do I change my &#60;visa&#62;?"), "what was typed is kept: {again}");

    let taken = person.send(form(&person, &given, "same-origin")).await;
    let html = String::from_utf8(taken.body.to_vec()).expect("text");
    assert_eq!(taken.status, StatusCode::OK, "{html}");
    assert!(html.contains("/chat/thread?lang=en#"), "{html}");
    let twice = person.send(form(&person, &given, "same-origin")).await;
    assert_eq!(html, String::from_utf8(twice.body.to_vec()).expect("text"), "sent twice, it is one message");
}

#[test]
fn the_scripts_get_the_texts_they_show_and_no_others() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/pages/static");
    let scripts: String = ["base.js", "line.js", "room.js", "chat.js", "thread.js"]
        .map(|name| std::fs::read_to_string(folder.join(name)).expect("a script"))
        .concat();
    let english = Texts::get(&"en".parse().expect("a tag"));
    for key in SCRIPT_TEXTS {
        assert_ne!(english.t(key), *key, "{key} is no text");
    }
    // Every key that a script names, in any of its quotes.
    for quoted in scripts.split("t('").skip(1).filter_map(|rest| rest.split('\'').next()) {
        let known = SCRIPT_TEXTS.contains(&quoted) || english.t(quoted) == quoted;
        assert!(known, "{quoted} is shown and not handed over");
    }
}
