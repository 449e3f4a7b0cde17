//! What the browser reports about our audio, overheard (RFC 3550 §6.4).
//!
//! A browser that also speaks puts its report into its sender reports, where the library's own figures do not
//! look.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use super::FarReport;

/// G.711's samples per millisecond.
const RATE_PER_MS: f64 = 8.0;
/// `lost` before the first report.
const NONE: i64 = i64::MIN;

/// The last report.
#[derive(Debug)]
pub(super) struct Overheard {
    lost: AtomicI64,
    jitter: AtomicU32,
}

impl Overheard {
    pub(super) fn new() -> Self {
        Self { lost: AtomicI64::new(NONE), jitter: AtomicU32::new(0) }
    }

    fn note(&self, report: &ReceptionReport) {
        // A signed number of 24 bits (RFC 3550 §6.4.1).
        let lost = i64::from(report.total_lost & 0xff_ffff);
        let lost = if lost >= 0x80_0000 { lost - 0x100_0000 } else { lost };
        self.jitter.store(report.jitter, Ordering::Relaxed);
        self.lost.store(lost, Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> Option<FarReport> {
        let lost = self.lost.load(Ordering::Relaxed);
        let jitter_ms = f64::from(self.jitter.load(Ordering::Relaxed)) / RATE_PER_MS;
        (lost != NONE).then_some(FarReport { lost, jitter_ms })
    }
}

/// Lets everything pass and notes the reports on `ssrc`.
pub(super) struct Ear {
    ssrc: u32,
    overheard: Arc<Overheard>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Ear {
    pub(super) fn new(ssrc: u32, overheard: Arc<Overheard>) -> Self {
        Self { ssrc, overheard, reads: VecDeque::new(), writes: VecDeque::new() }
    }

    fn listen(&self, packets: &[Box<dyn rtc::rtcp::Packet>]) {
        for packet in packets {
            let any = packet.as_any();
            let reports = any
                .downcast_ref::<SenderReport>()
                .map(|sender| &sender.reports)
                .or_else(|| any.downcast_ref::<ReceiverReport>().map(|receiver| &receiver.reports));
            for report in reports.into_iter().flatten().filter(|report| report.ssrc == self.ssrc) {
                self.overheard.note(report);
            }
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Ear {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            self.listen(packets);
        }
        self.reads.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for Ear {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_on_us_are_noted_wherever_they_stand() {
        let overheard = Arc::new(Overheard::new());
        let ear = Ear::new(7, Arc::clone(&overheard));
        let report =
            |ssrc, total_lost, jitter| ReceptionReport { ssrc, total_lost, jitter, ..Default::default() };
        ear.listen(&[Box::new(ReceiverReport { reports: vec![report(8, 4, 0)], ..Default::default() })]);
        assert_eq!(overheard.last(), None);
        ear.listen(&[Box::new(SenderReport { reports: vec![report(7, 3, 16)], ..Default::default() })]);
        assert_eq!(overheard.last(), Some(FarReport { lost: 3, jitter_ms: 2.0 }));
        ear.listen(&[Box::new(ReceiverReport {
            reports: vec![report(7, 0xff_ffff, 0)],
            ..Default::default()
        })]);
        assert_eq!(overheard.last(), Some(FarReport { lost: -1, jitter_ms: 0.0 }));
    }
}
