//! `madoguchi detect`: the language of each line of standard input.

use std::io::{BufRead, Read, Write};

use crate::language::Detector;
use crate::language::tag::tags;

/// Bytes of a line that are read; the rest of a longer line is skipped and does not count.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Reads lines and writes `tag<TAB>confidence` for each: a BCP 47 tag, or `und` with confidence 0 when
/// unknown.
///
/// Bytes that are not UTF-8 are replaced. Filipino is printed as `tl` (Tagalog): this command tells a
/// language, and the common test sets call it so.
///
/// # Errors
/// When reading or writing fails.
pub fn run(mut input: impl BufRead, mut output: impl Write) -> anyhow::Result<()> {
    let detector = Detector::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
        }
        match detector.detect(&String::from_utf8_lossy(&line), None).known() {
            Some((tag, confidence)) => {
                let printed = if tag == tags::FIL { "tl" } else { tag.as_str() };
                writeln!(output, "{printed}\t{confidence:.3}")?;
            }
            None => writeln!(output, "und\t0.000")?,
        }
    }
    output.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(input: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        run(input, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn one_line_is_printed_for_each_line_read() {
        let lines = printed(
            "給料がまだです\n\n123\nHindi ko pa po natanggap ang sahod ko\nThank you very much".as_bytes(),
        );
        assert_eq!(lines.len(), 5);
        assert!(lines[0].starts_with("ja\t0.9"), "{lines:?}");
        assert_eq!(lines[1..3], ["und\t0.000", "und\t0.000"]);
        assert!(lines[3].starts_with("tl\t"), "{lines:?}");
        assert!(lines[4].starts_with("en\t"), "{lines:?}");
    }

    #[test]
    fn broken_bytes_and_endless_lines_are_survived() {
        let mut input = vec![0xFF, 0xFE, b'\n'];
        input.extend(std::iter::repeat_n(b'a', 300_000));
        input.extend_from_slice("\nありがとう\r\n".as_bytes());
        let lines = printed(&input);
        assert_eq!(lines.len(), 3);
        assert!(lines[2].starts_with("ja\t"));
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert!(printed(b"").is_empty());
    }
}
