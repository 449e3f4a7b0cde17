//! Checking what was typed: every fault is collected, so that a form marks all its fields at once.

use crate::kernel::problem::Problem;

/// Characters of a name (of a desk, a topic, a person, a day); a longer one is refused.
pub const NAME_MAX: usize = 80;

/// The fields that are refused so far, each with the code of its reason.
#[derive(Debug, Default)]
pub struct Faults(Vec<(String, &'static str)>);

impl Faults {
    /// Notes that `field` is refused for the reason `code`.
    pub fn refuse(&mut self, field: impl Into<String>, code: &'static str) {
        self.0.push((field.into(), code));
    }

    /// Refuses `field` unless `fine`.
    pub fn demand(&mut self, fine: bool, field: &str, code: &'static str) {
        if !fine {
            self.refuse(field, code);
        }
    }

    /// A name: trimmed, of 1 to [`NAME_MAX`] characters that can be seen.
    pub fn name(&mut self, field: &str, text: &mut String) {
        self.line(field, text);
        self.demand(!text.is_empty(), field, "required");
    }

    /// Like [`Self::name`], but may be empty.
    pub fn line(&mut self, field: &str, text: &mut String) {
        *text = text.trim().to_owned();
        self.demand(text.chars().count() <= NAME_MAX, field, "too_long");
        self.demand(!text.chars().any(is_unseen), field, "invalid");
    }

    /// Takes over the fields of another check, each behind `prefix`.
    pub fn take(&mut self, prefix: &str, checked: Result<(), Problem>) {
        if let Err(problem) = checked {
            self.0.extend(problem.fields.into_iter().map(|(field, code)| (format!("{prefix}{field}"), code)));
        }
    }

    /// The end of the check.
    ///
    /// # Errors
    /// 400 `invalid_input` with every field at fault.
    pub fn result(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(self
            .0
            .into_iter()
            .fold(Problem::invalid("invalid_input"), |problem, (field, code)| problem.field(field, code)))
    }
}

/// Characters that show nothing or turn what stands beside them: they make two names look like one.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200B}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// The page size that is meant: 1 to `max`, `usual` when none is named.
pub fn page_size(limit: Option<i64>, usual: i64, max: i64) -> i64 {
    limit.unwrap_or(usual).clamp(1, max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_hostile_ones_are_refused() {
        let check = |text: &str| {
            let (mut faults, mut text) = (Faults::default(), text.to_owned());
            faults.name("name", &mut text);
            faults.result().map(|()| text).map_err(|p| p.fields["name"])
        };
        assert_eq!(check("\u{3000}佐藤 花子 "), Ok("佐藤 花子".to_owned()));
        assert_eq!(check("ကျော် ကျော်"), Ok("ကျော် ကျော်".to_owned()));
        assert_eq!(check(&"あ".repeat(NAME_MAX)), Ok("あ".repeat(NAME_MAX)));
        assert_eq!(check(&"あ".repeat(NAME_MAX + 1)), Err("too_long"));
        assert_eq!(check(" \t"), Err("required"));
        for hostile in ["a\0b", "a\nb", "a\u{202E}b", "a\u{200B}b", "\u{1b}[31m"] {
            assert_eq!(check(hostile), Err("invalid"), "{hostile:?}");
        }
    }
}
