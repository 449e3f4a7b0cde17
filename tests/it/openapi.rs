//! `docs/openapi.json` is what the program's own types say.

use madoguchi::web::openapi;

use crate::tidy::tree::root;

#[test]
fn the_document_is_up_to_date() {
    let path = root().join("docs/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let made = openapi::json().expect("the document is JSON");
    let differs = committed.lines().zip(made.lines()).position(|(a, b)| a != b);
    assert!(
        committed == made,
        "docs/openapi.json is out of date (first difference at line {:?}). Run ./scripts/gen",
        differs.map(|line| line + 1)
    );
}

#[test]
fn no_two_operations_have_one_name() {
    let document = serde_json::to_value(openapi::document()).expect("the document is JSON");
    let items = document["paths"].as_object().expect("paths").values();
    let operations = items.flat_map(|item| item.as_object().expect("operations").values());
    let mut names: Vec<&str> =
        operations.map(|operation| operation["operationId"].as_str().expect("a name")).collect();
    names.sort_unstable();
    let twice: Vec<&str> = names.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
    assert!(twice.is_empty(), "generated clients need one name for each operation: {twice:?}");
}

#[test]
fn every_refusal_of_the_code_has_a_sentence() {
    let known: Vec<&str> = madoguchi::language::problems::codes().collect();
    let mut missing = Vec::new();
    for file in crate::tidy::tree::files().iter().filter(|f| f.path.starts_with("src/") && f.is(&["rs"])) {
        for maker in ["Problem::invalid(", "Problem::conflict(", "Problem::too_many(", "Problem::new("] {
            for (at, _) in file.text.match_indices(maker) {
                let Some(code) = first_text(&file.text[at + maker.len()..]) else { continue };
                if !known.contains(&code) {
                    missing.push(format!("{}: {code}", file.path));
                }
            }
        }
    }
    assert!(missing.is_empty(), "without a sentence in src/language/problems.toml: {missing:#?}");
}

/// The text literal among the arguments that begin here, if there is one before they end.
fn first_text(arguments: &str) -> Option<&str> {
    let (before, rest) = arguments.split_once('"')?;
    let (text, _) = rest.split_once('"')?;
    (!before.contains([')', ';'])).then_some(text)
}
