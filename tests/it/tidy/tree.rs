//! The files of the repository, read once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// One file: its path from the root with `/`, and its text.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// A made-up file for the tests of the rules.
    pub fn of(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// What follows the last dot of the name; empty when there is none.
    pub fn extension(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// Whether the file's extension is one of `extensions`.
    pub fn is(&self, extensions: &[&str]) -> bool {
        extensions.contains(&self.extension())
    }

    /// The lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line))
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file that git tracks or would track. Pictures, fonts and sounds are left out.
pub fn files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let listed = paths();
        assert!(listed.len() > 20, "the repository's files were not found at {}", root().display());
        listed
            .into_iter()
            .filter_map(|path| {
                let bytes = std::fs::read(root().join(&path)).ok()?;
                let text = String::from_utf8(bytes).ok()?;
                (!text.contains('\0')).then_some(File { path, text })
            })
            .collect()
    })
}

/// Every path that git tracks or would track.
pub fn paths() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of the repository");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let mut paths: Vec<_> = String::from_utf8(listed.stdout)
        .expect("file names are UTF-8")
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// A path with its `.` and `..` worked out, or `None` when it leaves the root.
pub fn normal(path: &str) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if !out.pop() {
                    return None;
                }
            }
            name => out.push(name),
        }
    }
    Some(out)
}

/// Rust source with comments and string contents blanked out, line breaks kept.
pub fn code_only(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let chars: Vec<char> = source.chars().collect();
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut i = 0;
    while i < chars.len() {
        let end = match chars[i] {
            '/' if chars.get(i + 1) == Some(&'/') => until(&chars, i, |c, _| c[0] == '\n'),
            '/' if chars.get(i + 1) == Some(&'*') => {
                until(&chars, i + 2, |c, _| c.starts_with(&['*', '/'])) + 2
            }
            'r' if is_raw_string(&chars, i) => raw_string_end(&chars, i),
            '"' => string_end(&chars, i),
            // A character literal; a lifetime has no closing quote so near.
            '\'' if chars.get(i + 1) == Some(&'\\') => until(&chars, i + 3, |c, _| c[0] == '\'') + 1,
            '\'' if chars.get(i + 2) == Some(&'\'') => i + 3,
            _ => {
                out.push(chars[i]);
                i += 1;
                continue;
            }
        };
        let end = end.min(chars.len());
        out.extend(chars[i..end].iter().map(|c| blank(*c)));
        i = end;
    }
    out
}

fn until(chars: &[char], from: usize, stop: impl Fn(&[char], usize) -> bool) -> usize {
    (from..chars.len()).find(|i| stop(&chars[*i..], *i)).unwrap_or(chars.len())
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn is_raw_string(chars: &[char], i: usize) -> bool {
    let inside_a_word =
        i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_') && chars[i - 1] != 'b';
    let after = chars[i + 1..].iter().find(|c| **c != '#');
    !inside_a_word && after == Some(&'"')
}

fn raw_string_end(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    until(chars, start + hashes + 2, |rest, _| rest.starts_with(&close)) + close.len()
}

#[test]
fn comments_and_strings_are_not_code() {
    let source = concat!(
        "let a = \"crate::x\"; // crate::y\n",
        "/* crate::z */ let c = '\"'; let r = r#\"crate::\"q\"#; let l: &'static str = \"\\\"crate::\";\n",
        "crate::kept\n"
    );
    let code = code_only(source);
    assert_eq!(code.matches("crate::").count(), 1, "{code}");
    assert!(code.contains("crate::kept"));
    assert!(code.contains("&'static str"));
    assert_eq!(code.lines().count(), source.lines().count());
}

#[test]
fn paths_are_worked_out() {
    assert_eq!(normal("docs/./a/../b.md"), Some(PathBuf::from("docs/b.md")));
    assert_eq!(normal("docs/../../b.md"), None);
}
