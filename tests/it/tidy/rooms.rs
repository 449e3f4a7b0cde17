//! Imports point down the list of rooms, and into another feature only through its `mod.rs`.
//!
//! A room is a folder or file directly under `src/`. The table names, for each, what it may import; what it
//! does not name, it may not. The arrows are those of `docs/ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};

use super::none;
use super::tree::{File, code_only, files};

enum May {
    /// Everything; nobody below may import it.
    All,
    /// Everything in the named rooms.
    Rooms(&'static [&'static str]),
    /// Only the named modules of other rooms, as `room::module`.
    Only(&'static [&'static str]),
    /// The shared floors, and what the named features show in their `mod.rs`.
    Feature(&'static [&'static str]),
}

/// What every feature may use.
const SHARED: &[&str] = &["kernel", "routing", "language", "security", "desk", "media"];

/// The one table of arrows. A new folder under `src/` gets its line here first.
const ROOMS: &[(&str, May)] = &[
    ("main", May::All),
    ("lib", May::All),
    ("cli", May::All),
    ("app", May::All),
    ("web", May::All),
    // Features: one folder, one noun.
    ("admin", May::Feature(&[])),
    ("texts", May::Feature(&[])),
    ("chat", May::Feature(&["tickets"])),
    ("phone", May::Feature(&["tickets"])),
    ("meeting", May::Feature(&["tickets", "reservations"])),
    ("tickets", May::Feature(&[])),
    ("records", May::Feature(&["tickets"])),
    ("reservations", May::Feature(&[])),
    ("faq", May::Feature(&[])),
    ("reports", May::Feature(&["tickets"])),
    ("compliance", May::Feature(&["tickets"])),
    // Shared floors.
    ("desk", May::Rooms(&["kernel", "routing", "language", "security"])),
    ("media", May::Rooms(&["kernel"])),
    ("security", May::Rooms(&["kernel", "language"])),
    ("language", May::Rooms(&["kernel"])),
    ("config", May::Only(&["phone::config"])),
    ("routing", May::Only(&["kernel::ids", "kernel::time"])),
    ("kernel", May::Rooms(&[])),
];

/// Imports that stand outside the table, as (file, `room::module`), each with its reason. Only ever shorter.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// The room that a file of `src/` belongs to.
fn room_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    Some(inside.split_once('/').map_or_else(|| inside.trim_end_matches(".rs"), |(room, _)| room))
}

/// The modules of each room: `src/chat/store.rs` makes `store` a module of `chat`.
fn modules(files: &[File]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in files.iter().filter(|f| f.is(&["rs"])) {
        let Some(room) = room_of(&file.path) else { continue };
        let inside = file.path.trim_start_matches("src/").trim_start_matches(room).trim_start_matches('/');
        let module = inside.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        modules.entry(room).or_default().insert(module);
    }
    modules
}

/// Every path after `crate::` in `code`, groups in braces taken apart, as its first two segments.
fn edges(code: &str) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | ':')) {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        for path in expand(&code[at + "crate::".len()..]) {
            let mut parts = path.split("::");
            let room = parts.next().unwrap_or_default().to_owned();
            let next = parts.next().unwrap_or_default().to_owned();
            found.push((line, room, next));
        }
    }
    found
}

/// `a::{b, c::d}` → `a::b`, `a::c::d`. Reads one path from the start of `text`, however nested.
fn expand(text: &str) -> Vec<String> {
    let mut prefix = String::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            return split_group(group)
                .iter()
                .flat_map(|part| expand(part))
                .map(|tail| format!("{prefix}{tail}"))
                .collect();
        }
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        rest = rest[word.len()..].trim_start();
        prefix.push_str(&word);
        match rest.strip_prefix("::") {
            Some(after) if !word.is_empty() => {
                prefix.push_str("::");
                rest = after.trim_start();
            }
            _ => return vec![prefix],
        }
    }
}

/// The parts of a group up to its closing brace, split at the commas of its own level.
fn split_group(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (i, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&text[start..i]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Why `room` may not import `target::next`; `None` when it may.
fn refusal(room: &str, may: &May, target: &str, next: &str, is_module: bool) -> Option<String> {
    let inside = || format!("{target}::{next} lies inside another feature: use what {target}/mod.rs shows");
    match may {
        May::All => None,
        May::Rooms(rooms) => {
            (!rooms.contains(&target)).then(|| format!("{room} may import {rooms:?}, not {target}"))
        }
        May::Only(modules) => {
            let path = format!("{target}::{next}");
            (!modules.contains(&path.as_str()))
                .then(|| format!("{room} may import only {modules:?}, not {path}"))
        }
        May::Feature(_) if SHARED.contains(&target) => None,
        May::Feature(friends) if friends.contains(&target) => is_module.then(inside),
        May::Feature(friends) => {
            Some(format!("{room} may import the shared floors and {friends:?}, not {target}"))
        }
    }
}

fn import_breaches(files: &[File]) -> Vec<String> {
    let modules = modules(files);
    let mut breaches = Vec::new();
    for file in files.iter().filter(|f| f.is(&["rs"])) {
        let Some(room) = room_of(&file.path) else { continue };
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            breaches.push(format!("{}: src/{room} has no line in the table of rooms", file.path));
            continue;
        };
        let code = code_only(&file.text);
        for (line, target, next) in edges(&code) {
            // What the crate's root shows (macros, `crate::on_db!`) is nobody's room.
            if target == room || !modules.contains_key(target.as_str()) {
                continue;
            }
            let is_module = next != "mod" && modules[target.as_str()].contains(next.as_str());
            if EXCEPTIONS.contains(&(file.path.as_str(), format!("{target}::{next}").as_str())) {
                continue;
            }
            if let Some(why) = refusal(room, may, &target, &next, is_module) {
                breaches.push(format!("{}:{line}: {why}", file.path));
            }
        }
        breaches.extend(climbs(&file.path, &code));
    }
    breaches
}

/// `super::super::…` that climbs out of the room hides an arrow.
fn climbs(path: &str, code: &str) -> Vec<String> {
    let module = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let depth = module.split('/').count();
    let mut breaches = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].find("super::") {
        let at = from + found;
        let chain = code[at..].split("super::").take_while(|between| between.is_empty()).count();
        let steps = chain.max(1);
        if steps >= depth + open_modules(&code[..at]) {
            let line = code[..at].matches('\n').count() + 1;
            breaches.push(format!("{path}:{line}: a chain of super:: leaves the room: write crate::…"));
        }
        from = at + steps * "super::".len();
    }
    breaches
}

/// How many `mod name {` are open at the end of `code`.
fn open_modules(code: &str) -> usize {
    let mut open = Vec::new();
    for (at, c) in code.char_indices() {
        if c == '{' {
            let mut words = code[..at].split_whitespace().rev();
            open.push(words.nth(1) == Some("mod"));
        } else if c == '}' {
            open.pop();
        }
    }
    open.into_iter().filter(|is_module| *is_module).count()
}

fn stale_exceptions(files: &[File]) -> Vec<String> {
    EXCEPTIONS
        .iter()
        .filter(|(path, edge)| {
            let file = files.iter().find(|f| f.path == *path);
            !file.is_some_and(|f| {
                edges(&code_only(&f.text)).iter().any(|(_, room, next)| format!("{room}::{next}") == *edge)
            })
        })
        .map(|(path, edge)| format!("{path} does not import {edge} any more"))
        .collect()
}

#[test]
fn imports_point_down() {
    none(
        &import_breaches(files()),
        "Move the shared part down, hand it in from app.rs, or draw the arrow in docs/ARCHITECTURE.md and in \
         the table of tests/it/tidy/rooms.rs.",
    );
}

#[test]
fn exceptions_are_still_needed() {
    none(&stale_exceptions(files()), "Take the line out of EXCEPTIONS.");
}

#[test]
fn the_table_has_no_circle() {
    let arrows: BTreeMap<&str, Vec<&str>> = ROOMS
        .iter()
        .map(|(room, may)| {
            let to = match may {
                May::All => Vec::new(),
                May::Rooms(rooms) => rooms.to_vec(),
                May::Only(modules) => modules.iter().filter_map(|m| m.split("::").next()).collect(),
                May::Feature(friends) => friends.iter().chain(SHARED).copied().collect(),
            };
            (*room, to)
        })
        .collect();
    for start in arrows.keys() {
        let (mut seen, mut next) = (BTreeSet::new(), arrows[start].clone());
        while let Some(room) = next.pop() {
            assert_ne!(room, *start, "the table lets {start} reach itself");
            if seen.insert(room) {
                next.extend(arrows.get(room).into_iter().flatten());
            }
        }
    }
}

#[test]
fn a_wrong_import_is_found() {
    let tree = |path: &str, code: &str| {
        vec![
            File::of("src/web/mod.rs", ""),
            File::of("src/chat/store.rs", ""),
            File::of("src/tickets/mod.rs", ""),
            File::of("src/tickets/store.rs", ""),
            File::of("src/desk/log.rs", ""),
            File::of("src/kernel/ids.rs", ""),
            File::of("src/kernel/db/mod.rs", ""),
            File::of(path, code),
        ]
    };
    for (path, code) in [
        // Up, sideways, into another feature, and past what routing may see.
        ("src/kernel/bus.rs", "use crate::web::Page;"),
        ("src/tickets/http.rs", "use crate::chat::Message;"),
        ("src/chat/http.rs", "use crate::tickets::store;"),
        ("src/chat/http.rs", "use crate::{kernel::ids, tickets::{store::Row, Ticket}};"),
        ("src/chat/http.rs", "fn f() { crate::tickets::store::all() }"),
        ("src/routing/router.rs", "use crate::kernel::{ids, db};"),
        ("src/desk/mod.rs", "use crate::tickets::Ticket;"),
        ("src/chat/store.rs", "use super::super::tickets::store;"),
        ("src/chat/store.rs", "fn f() {} mod t { use super::super::super::tickets; }"),
        ("src/attic/mod.rs", ""),
    ] {
        assert_eq!(import_breaches(&tree(path, code)).len(), 1, "{path}: {code}");
    }
    for (path, code) in [
        (
            "src/chat/http.rs",
            "use crate::tickets::{self, Ticket}; use crate::desk::log::append; use super::store;",
        ),
        ("src/web/mod.rs", "use crate::chat::store; use crate::tickets::store;"),
        ("src/routing/router.rs", "use crate::kernel::{ids::*, time::Millis};"),
        ("src/kernel/bus.rs", "// crate::web::Page\nlet s = \"crate::web::Page\"; crate::on_db!(tx, x);"),
        ("src/kernel/db/mod.rs", "use super::ids; mod t { use super::super::ids; }"),
    ] {
        assert_eq!(import_breaches(&tree(path, code)), Vec::<String>::new(), "{path}: {code}");
    }
}
