//! What may not stand in the files: addresses of other hosts in what a browser gets, left-over marks, waits
//! for an amount of time, and names of the machine that something was written on.

use super::none;
use super::tree::{File, code_only, files};

// ── other hosts ───────────────────────────────────────────────────────────────────────────────────

/// Hosts that a browser is never sent to: XML's names, and examples shown to a person.
const HARMLESS_HOSTS: &[&str] = &["www.w3.org", "localhost", "127.0.0.1"];

fn is_harmless(host: &str) -> bool {
    let example = |host: &str| {
        host.split('.').any(|part| part == "example")
            || host.is_empty()
            || host.starts_with(['$', '{', '<', '"'])
    };
    HARMLESS_HOSTS.contains(&host) || example(host)
}

/// Files whose text reaches a browser: templates, scripts, styles, pictures in words.
fn reaches_a_browser(file: &File) -> bool {
    let kind = file.is(&["html", "css", "js", "mjs", "ts", "vue", "svg", "webmanifest"]);
    let place = file.path.starts_with("src/") || file.path.starts_with("agents-ui/");
    let test =
        file.path.contains(".test.") || file.path.contains(".spec.") || file.path.ends_with(".config.ts");
    kind && place && !test
}

fn host_breaches(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|f| reaches_a_browser(f)) {
        for (number, line) in file.lines() {
            for marker in ["http://", "https://", "ws://", "wss://", "=\"//", "='//", "url(//"] {
                for (at, _) in line.match_indices(marker) {
                    let rest = &line[at + marker.len()..];
                    let host: String = rest.chars().take_while(|c| !"/:?#'\"`) \\".contains(*c)).collect();
                    // Built from the page's own address (`wss://${location.host}`): nothing foreign is named.
                    if !is_harmless(&host) {
                        breaches.push(format!("{}:{number}: {marker}{host}", file.path));
                    }
                }
            }
        }
    }
    breaches
}

#[test]
fn browsers_are_sent_to_no_other_host() {
    none(&host_breaches(files()), "Bundle what the page needs: nothing leaves the house.");
}

#[test]
fn a_foreign_address_is_found() {
    for (path, text) in [
        ("src/web/page.html", "<script src=\"https://cdn.jsdelivr.net/x.js\"></script>"),
        ("src/web/page.html", "<script src=\"//cdn.jsdelivr.net/x.js\"></script>"),
        ("agents-ui/src/ui/a.css", "@import url(//fonts.googleapis.com/css);"),
        ("agents-ui/src/App.vue", "<img src='http://cdn.test.org/p.png'>"),
        ("src/chat/widget.js", "new WebSocket(`wss://relay.invalid.org/`)"),
    ] {
        assert_eq!(host_breaches(&[File::of(path, text)]).len(), 1, "{text}");
    }
    for (path, text) in [
        ("agents-ui/src/icon.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        (
            "agents-ui/src/a.ts",
            "`https://${location.host}/` 'https://desk.example.go.jp' 'http://localhost:8080'",
        ),
        ("docs/a.html", "<a href=\"https://www.rfc-editor.org/\">"),
    ] {
        assert_eq!(host_breaches(&[File::of(path, text)]), Vec::<String>::new(), "{text}");
    }
}

// ── left-over marks ───────────────────────────────────────────────────────────────────────────────

/// Written in two halves, so that this file does not name them.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
const DEBUG_MACRO: &str = concat!("dbg", "!(");
const DEBUGGER: &str = concat!("debug", "ger;");

fn mark_breaches(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    let kinds =
        ["rs", "ts", "vue", "mjs", "js", "css", "html", "sql", "toml", "sh", "md", "yml", "yaml", "conf", ""];
    for file in files.iter().filter(|f| f.is(&kinds) && f.path != "LICENSE") {
        for (number, line) in file.lines() {
            let mark = MARKS.iter().find(|mark| has_word(line, mark));
            let debug = [DEBUG_MACRO, DEBUGGER].into_iter().find(|mark| line.contains(mark));
            if let Some(mark) = mark.copied().or(debug) {
                breaches.push(format!("{}:{number}: {mark}", file.path));
            }
        }
    }
    breaches
}

/// Whether `word` stands in `line` with no letter, digit or underscore touching it.
fn has_word(line: &str, word: &str) -> bool {
    let touches = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !touches(line[..at].chars().next_back()) && !touches(line[at + word.len()..].chars().next())
    })
}

#[test]
fn nothing_is_left_over() {
    none(&mark_breaches(files()), "Finish it, or file it as an issue; a file says only what is.");
}

#[test]
fn a_mark_is_found() {
    for mark in MARKS.iter().chain([&DEBUG_MACRO, &DEBUGGER]) {
        assert_eq!(mark_breaches(&[File::of("src/a.rs", &format!("// {mark} later"))]).len(), 1, "{mark}");
    }
    let longer = format!("R8-{}X {}S", MARKS[2], MARKS[0]);
    assert!(mark_breaches(&[File::of("src/a.rs", &longer)]).is_empty());
}

// ── waiting for an amount of time ─────────────────────────────────────────────────────────────────

/// The one place of the stories that may look again after a while.
const WAITING_ROOM: &str = "tests/e2e/harness/";

fn sleep_breaches(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        let whole = file.path.starts_with("tests/") && !file.path.starts_with(WAITING_ROOM);
        let rust = file.is(&["rs"]);
        let story =
            file.is(&["mjs", "js"]) || file.path.ends_with(".test.ts") || file.path.ends_with(".spec.ts");
        if !(rust || story) {
            continue;
        }
        let code = if rust { code_only(&file.text) } else { file.text.clone() };
        let mut in_tests = whole || !rust;
        for (number, line) in code.lines().enumerate() {
            in_tests |= line.contains("#[cfg(test)]") || file.path.ends_with("/tests.rs");
            let sleeps = if rust {
                has_call(line, "sleep")
            } else {
                line.contains(concat!(".waitFor", "Timeout("))
                    || line.contains(concat!("set", "Timeout(resolve"))
            };
            let watched = rust || !file.path.starts_with(WAITING_ROOM) && !file.path.starts_with("src/");
            if in_tests && watched && sleeps {
                breaches.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    breaches
}

/// Whether `name(` is called in `line`, as a whole name.
fn has_call(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        line[at + name.len()..].starts_with('(') && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn tests_wait_for_events() {
    none(
        &sleep_breaches(files()),
        "Wait for what must happen: await the message, advance tokio's paused clock, or eventually() in a \
         story.",
    );
}

#[test]
fn a_sleep_is_found() {
    for (path, text) in [
        ("tests/it/chat.rs", "tokio::time::sleep(Duration::from_secs(1)).await;"),
        ("src/desk/mod.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { std::thread::sleep(SECOND); } }"),
        ("src/desk/tests.rs", "sleep(SECOND).await;"),
        ("tests/e2e/chat.story.mjs", concat!("await page.waitFor", "Timeout(1000)")),
        ("agents-ui/src/a.test.ts", concat!("await new Promise((resolve) => set", "Timeout(resolve, 5))")),
    ] {
        assert_eq!(sleep_breaches(&[File::of(path, text)]).len(), 1, "{path}");
    }
    for (path, text) in [
        ("src/desk/mod.rs", "tokio::time::sleep(wait).await;\n#[cfg(test)]\nmod tests { fn asleep() {} }"),
        ("tests/it/chat.rs", "// sleep(1)\ntokio::time::advance(SECOND).await;"),
    ] {
        assert_eq!(sleep_breaches(&[File::of(path, text)]), Vec::<String>::new(), "{path}");
    }
}

// ── machines and registries ───────────────────────────────────────────────────────────────────────

/// Folders of somebody's machine, and hosts that only a lock file's tools may know. In halves, as above.
const PLACES: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("files.python", "hosted.org"),
    concat!("deb.deb", "ian.org"),
];

fn place_breaches(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        for (number, line) in file.lines() {
            let found = PLACES.iter().find(|place| {
                line.match_indices(*place).any(|(at, _)| {
                    // A path of ours may hold the same word further in.
                    let before = line[..at].chars().next_back();
                    !place.starts_with('/')
                        || !before.is_some_and(|c| c.is_alphanumeric() || "_-.}".contains(c))
                })
            });
            if let Some(place) = found {
                breaches.push(format!("{}:{number}: {place}", file.path));
            }
        }
    }
    breaches
}

#[test]
fn nothing_names_a_machine() {
    none(
        &place_breaches(files()),
        "Write paths from the repository's root or from a setting; make lock files without download \
         addresses (npm install --omit-lockfile-registry-resolved).",
    );
}

#[test]
fn a_machine_is_found() {
    for place in PLACES {
        assert_eq!(place_breaches(&[File::of("docs/a.md", &format!("see {place}x"))]).len(), 1, "{place}");
    }
    assert!(place_breaches(&[File::of("src/a.rs", "/api/home/x and var/work/x")]).is_empty());
}
