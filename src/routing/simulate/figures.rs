//! The figures of a run, by the definitions of the field.

use serde::Serialize;

use super::super::Channel;
use crate::kernel::time::Millis;

/// What happened to the contacts of one channel, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Contacts that arrived.
    pub offered: u64,
    /// Those that an agent answered.
    pub answered: u64,
    /// Those answered within the threshold.
    pub answered_in_target: u64,
    /// Those that gave up before an answer.
    pub abandoned: u64,
    /// Those that were told that nobody would come (queue full, nobody there).
    pub diverted: u64,
    /// `answered_in_target` over `offered`: abandoned and diverted contacts are in the base. 1 when nothing
    /// was offered.
    pub service_level: f64,
    /// `abandoned` over `offered`.
    pub abandonment: f64,
    /// Mean wait of the answered contacts, from arrival to answer, in seconds.
    pub mean_wait_s: f64,
    /// Half of the answered contacts waited no longer.
    pub median_wait_s: f64,
    /// Nineteen of twenty answered contacts waited no longer.
    pub p95_wait_s: f64,
    pub longest_wait_s: f64,
    /// Mean time from answer to the end of the wrap-up, in seconds.
    pub mean_handling_s: f64,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    #[serde(flatten)]
    pub all: Counts,
    /// Working time (talk, hold, wrap-up) over staffed time (working or ready), of all agents together.
    pub occupancy: f64,
    pub agents: usize,
    pub days: u32,
    pub seed: u64,
    /// An answer within this time counts for the service level, in seconds.
    pub service_level_within_s: f64,
    /// Channels in which something arrived.
    pub channels: Vec<OfChannel>,
}

/// The figures of one channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfChannel {
    pub channel: Channel,
    #[serde(flatten)]
    pub counts: Counts,
}

/// What is collected while a run goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    offered: u64,
    abandoned: u64,
    diverted: u64,
    waits: Vec<Millis>,
    handled: Millis,
}

impl Tally {
    pub(super) const fn offered(&mut self) {
        self.offered += 1;
    }

    pub(super) const fn abandoned(&mut self) {
        self.abandoned += 1;
    }

    pub(super) const fn diverted(&mut self) {
        self.diverted += 1;
    }

    pub(super) fn answered(&mut self, waited: Millis) {
        self.waits.push(waited);
    }

    pub(super) fn handled(&mut self, length: Millis) {
        self.handled = self.handled + length;
    }

    /// Both together.
    pub(super) fn join(mut self, other: &Self) -> Self {
        self.offered += other.offered;
        self.abandoned += other.abandoned;
        self.diverted += other.diverted;
        self.waits.extend(&other.waits);
        self.handled = self.handled + other.handled;
        self
    }

    pub(super) fn counts(mut self, threshold: Millis) -> Counts {
        self.waits.sort_unstable();
        let answered = self.waits.len() as u64;
        let in_target = self.waits.partition_point(|wait| *wait <= threshold) as u64;
        let at = |share: f64| quantile(&self.waits, share);
        Counts {
            offered: self.offered,
            answered,
            answered_in_target: in_target,
            abandoned: self.abandoned,
            diverted: self.diverted,
            service_level: if self.offered == 0 { 1.0 } else { ratio(in_target, self.offered) },
            abandonment: ratio(self.abandoned, self.offered),
            mean_wait_s: mean_s(self.waits.iter().fold(Millis::ZERO, |sum, wait| sum + *wait), answered),
            median_wait_s: at(0.5),
            p95_wait_s: at(0.95),
            longest_wait_s: at(1.0),
            mean_handling_s: mean_s(self.handled, answered),
        }
    }
}

/// The value that a share of the sorted lengths does not exceed, in seconds; 0 when there is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a list's length is a place in the list"
)]
fn quantile(sorted: &[Millis], share: f64) -> f64 {
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).map_or(0.0, |length| length.as_secs_f64())
}

/// `part` over `whole`; 0 when the whole is nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of a simulation stay far below 2^52")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a simulation stay far below 2^52")]
fn mean_s(sum: Millis, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum.as_secs_f64() / count as f64 }
}
