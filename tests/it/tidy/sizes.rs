//! How long files and lines may be. The length of functions is clippy's (`too_many_lines`, 70 lines).

use super::none;
use super::tree::{File, files};

/// A file of more lines has more than one subject.
const FILE_LINES_MAX: usize = 600;
/// No exception reaches further.
const FILE_LINES_HARD_MAX: usize = 900;
/// As rustfmt has it; rustfmt leaves long strings and comments alone, this does not.
const LINE_CHARS_MAX: usize = 110;

/// Files that are generated and never read by a person.
const GENERATED: &[&str] = &["agents-ui/src/api/schema.ts"];

/// Longer files and their length. A number may be lowered, never raised; a line goes when its file is short.
const EXCEPTIONS: &[(&str, usize)] = &[];

fn file_breaches(files: &[File], exceptions: &[(&str, usize)]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|f| f.is(&["rs", "ts", "vue", "mjs", "js", "css"])) {
        if GENERATED.contains(&file.path.as_str()) {
            continue;
        }
        let lines = file.text.lines().count();
        let granted = exceptions.iter().find(|(path, _)| *path == file.path).map(|(_, lines)| *lines);
        match granted {
            None if lines > FILE_LINES_MAX => {
                breaches.push(format!("{}: {lines} lines, {FILE_LINES_MAX} are allowed", file.path));
            }
            Some(_) if lines <= FILE_LINES_MAX => {
                breaches.push(format!("{}: short again: take its line out of EXCEPTIONS", file.path));
            }
            Some(most) if lines > most.min(FILE_LINES_HARD_MAX) => {
                breaches.push(format!("{}: {lines} lines, its exception says {most}", file.path));
            }
            _ => {}
        }
    }
    let gone = |path: &str| !files.iter().any(|f| f.path == path);
    breaches.extend(
        exceptions.iter().filter(|(path, _)| gone(path)).map(|(path, _)| format!("{path}: no such file")),
    );
    breaches
}

fn line_breaches(files: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|f| f.is(&["rs"])) {
        for (number, line) in file.lines() {
            let length = line.chars().count();
            if length > LINE_CHARS_MAX {
                breaches.push(format!("{}:{number}: {length} characters", file.path));
            }
        }
    }
    breaches
}

#[test]
fn files_are_short() {
    none(&file_breaches(files(), EXCEPTIONS), "Split the file by subject.");
}

#[test]
fn lines_are_short() {
    none(&line_breaches(files()), "Break the line; a long text goes over several with a backslash.");
}

#[test]
fn a_long_file_is_found() {
    let of = |lines: usize| [File::of("src/a.rs", &"x\n".repeat(lines))];
    assert!(file_breaches(&of(600), &[]).is_empty());
    assert_eq!(file_breaches(&of(601), &[]).len(), 1);
    assert!(file_breaches(&of(700), &[("src/a.rs", 700)]).is_empty());
    assert_eq!(file_breaches(&of(701), &[("src/a.rs", 700)]).len(), 1, "grew past its exception");
    assert_eq!(file_breaches(&of(901), &[("src/a.rs", 1000)]).len(), 1, "past the hard limit");
    assert_eq!(file_breaches(&of(10), &[("src/a.rs", 700)]).len(), 1, "needs no exception any more");
    assert_eq!(file_breaches(&of(10), &[("src/b.rs", 700)]).len(), 1, "is gone");
}

#[test]
fn a_long_line_is_found() {
    assert!(line_breaches(&[File::of("src/a.rs", &"あ".repeat(110))]).is_empty());
    assert_eq!(line_breaches(&[File::of("src/a.rs", &"あ".repeat(111))]).len(), 1);
}
