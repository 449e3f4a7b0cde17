//! Every link between the documents leads somewhere.

use super::none;
use super::tree::{File, files, normal, root};

/// Addresses that are not files of the repository.
const ELSEWHERE: &[&str] = &["http://", "https://", "mailto:", "tel:", "#"];

/// The targets of `[text](target)` and `![text](target)` outside code.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // The odd parts between back quotes are code.
        let prose: String = line.split('`').step_by(2).collect();
        for (at, _) in prose.match_indices("](") {
            let target: String =
                prose[at + 2..].chars().take_while(|c| !c.is_whitespace() && *c != ')').collect();
            found.push((number + 1, target));
        }
    }
    found
}

fn link_breaches(files: &[File], exists: impl Fn(&std::path::Path) -> bool) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|f| f.is(&["md"])) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, target) in targets(&file.text) {
            if ELSEWHERE.iter().any(|scheme| target.starts_with(scheme)) {
                continue;
            }
            let path = target.split(['#', '?']).next().unwrap_or_default();
            if !normal(&format!("{folder}/{path}")).is_some_and(|path| exists(&path)) {
                breaches.push(format!("{}:{number}: {target}", file.path));
            }
        }
    }
    breaches
}

#[test]
fn links_lead_somewhere() {
    let exists = |path: &std::path::Path| root().join(path).exists();
    none(
        &link_breaches(files(), exists),
        "Mend the path (it starts at the document's own folder), or drop the link.",
    );
}

#[test]
fn a_dead_link_is_found() {
    let exists = |path: &std::path::Path| path == std::path::Path::new("docs/b.md");
    let breaches = |text: &str| link_breaches(&[File::of("docs/a.md", text)], exists).len();
    assert_eq!(
        breaches("[b](b.md) [b](../docs/b.md#part) [w](https://example.com) [here](#part) `[x](y)`"),
        0
    );
    assert_eq!(breaches("[c](c.md)"), 1);
    assert_eq!(breaches("![picture](../../b.md)"), 1);
    assert_eq!(breaches("```\n[c](c.md)\n```\n[c](c.md)"), 1);
}
