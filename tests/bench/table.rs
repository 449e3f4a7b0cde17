//! The table: one row for each figure, printed as it is found, so that a run that is cut short has shown what
//! it measured.

use std::time::Duration;

use tokio::time::Instant;

/// Prints the head.
pub fn head() {
    println!("| what was measured | figure | beside it, in the same run | ratio |");
    println!("|---|---:|---:|---:|");
}

/// A figure that stands alone.
pub fn alone(what: &str, figure: &str) {
    println!("| {what} | {figure} | | |");
}

/// A figure with the one it is compared with.
pub fn beside(what: &str, figure: &str, other: &str, ratio: f64) {
    println!("| {what} | {figure} | {other} | {ratio:.2} |");
}

/// What is going on, for whoever waits: not part of the table.
pub fn note(text: &str) {
    eprintln!("    {text}");
}

/// A number as people write it: three digits that matter, thousands apart.
pub fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A length of time in the unit that suits it.
pub fn span(time: Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    if us < 1000.0 {
        format!("{us:.0} µs")
    } else if us < 1e5 {
        format!("{:.2} ms", us / 1e3)
    } else {
        format!("{:.0} ms", us / 1e3)
    }
}

/// What happened since `begun`, in seconds.
pub fn seconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64()
}

/// `many` as a number to calculate with. Counts here are far below 2^52.
pub fn real(many: usize) -> f64 {
    f64::from(u32::try_from(many).expect("a count of this bench"))
}

/// Times of one thing done many times.
pub struct Times(Vec<Duration>);

impl Times {
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The time that `percent` of them do not exceed (nearest rank).
    pub fn at(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0[rank - 1]
    }

    /// `p50 / p99`.
    pub fn text(&self) -> String {
        format!("{} / {}", span(self.at(50)), span(self.at(99)))
    }

    /// How many times longer than `other` at the median.
    pub fn ratio(&self, other: &Self) -> f64 {
        self.at(50).as_secs_f64() / other.at(50).as_secs_f64()
    }
}
