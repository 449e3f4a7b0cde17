//! RTCP (RFC 3550 §6): the reports of a two-party call, and the farewell.

use super::low32;
use super::rtp::{Reception, RtpError, be16, be32};
use crate::kernel::time::{Millis, Timestamp};

/// Bytes of a canonical name; more is cut (RFC 3550 §6.5).
const CNAME_MAX: usize = 255;
/// Packets of one compound that are looked at; the rest is ignored.
const PACKETS_MAX: usize = 32;
/// Seconds from 1900, where NTP begins, to 1970.
const NTP_EPOCH_SECS: u64 = 2_208_988_800;

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;

/// One packet of a compound; kinds that a call does not need are skipped by [`parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rtcp {
    Sender { ssrc: u32, info: SenderInfo, reports: Vec<Report> },
    Receiver { ssrc: u32, reports: Vec<Report> },
    Bye { ssrcs: Vec<u32> },
}

/// What a sender says of itself (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock, 32.32 fixed point seconds since 1900.
    pub ntp: u64,
    /// The same moment in ticks.
    pub ts: u32,
    pub packets: u32,
    /// Payload bytes.
    pub octets: u32,
}

/// What a receiver says of one sender (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost in all; 24 bits with sign on the wire.
    pub lost: i32,
    /// Highest sequence number with cycles.
    pub highest: u32,
    /// Ticks.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report; 0 when there was none.
    pub last_sr: u32,
    /// Since that report came, in 1/65536 s.
    pub delay: u32,
}

/// The 64-bit NTP time of an instant (RFC 3550 §4).
#[must_use]
pub fn ntp(at: Timestamp) -> u64 {
    let ms = u64::try_from(at.0).unwrap_or(0);
    ((ms / 1000 + NTP_EPOCH_SECS) << 32) | (((ms % 1000) << 32) / 1000)
}

/// The middle 32 bits of an NTP time, as `last_sr` carries them.
#[must_use]
pub const fn ntp_middle(ntp: u64) -> u32 {
    low32(ntp >> 16)
}

impl Report {
    /// A report on what `got` received; starts its next interval. `last_sr` is the NTP time of the sender's
    /// last report and when it came. `None` before the first packet.
    pub fn of(got: &mut Reception, last_sr: Option<(u64, Timestamp)>, now: Timestamp) -> Option<Self> {
        let ssrc = got.ssrc?;
        let (last_sr, delay) = last_sr.map_or((0, 0), |(ntp, came)| {
            let ms = u64::try_from(now.since(came).0).unwrap_or(0);
            (ntp_middle(ntp), u32::try_from(ms.saturating_mul(65_536) / 1000).unwrap_or(u32::MAX))
        });
        let lost = got.totals().lost.clamp(-0x80_0000, 0x7f_ffff);
        Some(Self {
            ssrc,
            fraction_lost: got.fraction_lost(),
            lost: i32::try_from(lost).unwrap_or(0),
            highest: got.highest(),
            jitter: got.jitter(),
            last_sr,
            delay,
        })
    }

    /// The way there and back, when this report answers one of ours and came at `now` (RFC 3550 §6.4.1).
    #[must_use]
    pub fn round_trip(&self, now: Timestamp) -> Option<Millis> {
        if self.last_sr == 0 {
            return None;
        }
        let units = ntp_middle(ntp(now)).wrapping_sub(self.last_sr).wrapping_sub(self.delay).cast_signed();
        (units >= 0).then(|| Millis(i64::from(units) * 1000 / 65_536))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let word = be32(bytes, 4)?;
        let lost = (word << 8).cast_signed() >> 8;
        let [fraction_lost, ..] = word.to_be_bytes();
        Some(Self {
            ssrc: be32(bytes, 0)?,
            fraction_lost,
            lost,
            highest: be32(bytes, 8)?,
            jitter: be32(bytes, 12)?,
            last_sr: be32(bytes, 16)?,
            delay: be32(bytes, 20)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let [_, l1, l2, l3] = self.lost.to_be_bytes();
        out.extend(self.ssrc.to_be_bytes());
        out.extend([self.fraction_lost, l1, l2, l3]);
        for word in [self.highest, self.jitter, self.last_sr, self.delay] {
            out.extend(word.to_be_bytes());
        }
    }
}

/// Reads a compound packet (RFC 3550 §6.1). Unknown kinds are skipped, and so is what stands behind a packet
/// that is cut short, once a report was read.
///
/// # Errors
/// [`RtpError`] when it does not begin with a whole report of version 2.
pub fn parse(bytes: &[u8]) -> Result<Vec<Rtcp>, RtpError> {
    let mut out = Vec::new();
    let mut rest = bytes;
    for index in 0..PACKETS_MAX {
        match one(rest) {
            Ok((packet, behind)) => {
                if index == 0 && !matches!(packet, Some(Rtcp::Sender { .. } | Rtcp::Receiver { .. })) {
                    return Err(RtpError::Compound);
                }
                out.extend(packet);
                rest = behind;
            }
            Err(e) if index == 0 => return Err(e),
            Err(_) => break,
        }
        if rest.is_empty() {
            break;
        }
    }
    Ok(out)
}

fn one(bytes: &[u8]) -> Result<(Option<Rtcp>, &[u8]), RtpError> {
    let [b0, kind, ..] = *bytes else { return Err(RtpError::Short) };
    if b0 >> 6 != 2 {
        return Err(RtpError::Version);
    }
    let size = 4 + usize::from(be16(bytes, 2).ok_or(RtpError::Short)?) * 4;
    let (mut body, behind) = bytes.split_at_checked(size).ok_or(RtpError::Short)?;
    if b0 & 0x20 != 0 {
        let pad = usize::from(body.last().copied().unwrap_or(0));
        body = body.get(..size.saturating_sub(pad)).unwrap_or_default();
    }
    let count = usize::from(b0 & 0x1f);
    let packet = match kind {
        SR => Some(Rtcp::Sender {
            ssrc: be32(body, 4).ok_or(RtpError::Short)?,
            info: sender_info(body).ok_or(RtpError::Short)?,
            reports: reports(body, 28, count),
        }),
        RR => Some(Rtcp::Receiver {
            ssrc: be32(body, 4).ok_or(RtpError::Short)?,
            reports: reports(body, 8, count),
        }),
        BYE => Some(Rtcp::Bye { ssrcs: (0..count).filter_map(|n| be32(body, 4 + n * 4)).collect() }),
        _ => None,
    };
    Ok((packet, behind))
}

fn sender_info(body: &[u8]) -> Option<SenderInfo> {
    Some(SenderInfo {
        ntp: u64::from(be32(body, 8)?) << 32 | u64::from(be32(body, 12)?),
        ts: be32(body, 16)?,
        packets: be32(body, 20)?,
        octets: be32(body, 24)?,
    })
}

fn reports(body: &[u8], from: usize, count: usize) -> Vec<Report> {
    let blocks = body.get(from..).unwrap_or_default().chunks_exact(24);
    blocks.take(count).filter_map(Report::parse).collect()
}

/// A compound of a sender report (a receiver report when `info` is `None`) and our canonical name
/// (RFC 3550 §6.1). At most 31 of `reports` are written.
#[must_use]
pub fn report(ssrc: u32, cname: &str, info: Option<&SenderInfo>, reports: &[Report]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + cname.len());
    let reports = reports.get(..31).unwrap_or(reports);
    begin(&mut out, reports.len(), if info.is_some() { SR } else { RR });
    out.extend(ssrc.to_be_bytes());
    if let Some(info) = info {
        out.extend(info.ntp.to_be_bytes());
        for word in [info.ts, info.packets, info.octets] {
            out.extend(word.to_be_bytes());
        }
    }
    for block in reports {
        block.write(&mut out);
    }
    finish(&mut out, 0);
    let at = out.len();
    begin(&mut out, 1, SDES);
    out.extend(ssrc.to_be_bytes());
    let mut cut = cname.len().min(CNAME_MAX);
    while !cname.is_char_boundary(cut) {
        cut -= 1;
    }
    let name = cname.get(..cut).unwrap_or_default();
    out.extend([1, u8::try_from(name.len()).unwrap_or(0)]);
    out.extend(name.as_bytes());
    // The chunk ends with at least one zero and on a word (§6.5).
    out.push(0);
    finish(&mut out, at);
    out
}

/// A compound that says that `ssrc` leaves (RFC 3550 §6.6), led by a report as §6.1 asks.
#[must_use]
pub fn bye(ssrc: u32, cname: &str, info: Option<&SenderInfo>) -> Vec<u8> {
    let mut out = report(ssrc, cname, info, &[]);
    let at = out.len();
    begin(&mut out, 1, BYE);
    out.extend(ssrc.to_be_bytes());
    finish(&mut out, at);
    out
}

fn begin(out: &mut Vec<u8>, count: usize, kind: u8) {
    out.extend([0x80 | u8::try_from(count & 0x1f).unwrap_or(0), kind, 0, 0]);
}

/// Fills up to a whole word and writes the length of the packet that began at `at`.
fn finish(out: &mut Vec<u8>, at: usize) {
    out.resize(out.len().next_multiple_of(4), 0);
    let words = u16::try_from((out.len() - at) / 4 - 1).unwrap_or(u16::MAX);
    if let Some(place) = out.get_mut(at + 2..at + 4) {
        place.copy_from_slice(&words.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::Chance;
    use crate::media::rtp::Header;

    const INFO: SenderInfo = SenderInfo { ntp: 0x0102_0304_0506_0708, ts: 9, packets: 10, octets: 1600 };

    #[test]
    fn a_compound_survives_the_wire() {
        let block =
            Report { ssrc: 5, fraction_lost: 25, lost: -3, highest: 70_000, jitter: 8, last_sr: 1, delay: 2 };
        for name in ["", "a", "ab", "abc", "abcd", &"あ".repeat(100)] {
            let bytes = report(7, name, Some(&INFO), &[block]);
            assert_eq!(bytes.len() % 4, 0);
            assert_eq!(
                parse(&bytes).unwrap(),
                [Rtcp::Sender { ssrc: 7, info: INFO, reports: vec![block] }],
                "{name}"
            );
        }
        let bytes = bye(7, "x", None);
        assert_eq!(
            parse(&bytes).unwrap(),
            [Rtcp::Receiver { ssrc: 7, reports: vec![] }, Rtcp::Bye { ssrcs: vec![7] }]
        );
        assert_eq!(parse(&bytes[bytes.len() - 8..]), Err(RtpError::Compound), "a bare farewell");
        assert_eq!(parse(&[]), Err(RtpError::Short));
    }

    #[test]
    fn the_name_is_written_as_the_rfc_draws_it() {
        let bytes = report(1, "ab", None, &[]);
        assert_eq!(bytes[8..], [0x81, 202, 0, 3, 0, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0]);
    }

    #[test]
    fn a_round_trip_is_measured() {
        let mut got = Reception::default();
        assert_eq!(Report::of(&mut got, None, Timestamp(0)), None);
        got.note(&Header { ssrc: 3, ..Header::default() }, Timestamp(0));
        let sent = Timestamp(1_795_478_400_123);
        // It took 40 ms there; the far end waited 500 ms; 60 ms back.
        let report = Report::of(&mut got, Some((ntp(sent), sent + Millis(40))), sent + Millis(540)).unwrap();
        let trip = report.round_trip(sent + Millis(600)).unwrap();
        assert!((99..=100).contains(&trip.0), "{trip:?}");
        assert_eq!(Report { last_sr: 0, ..report }.round_trip(sent), None);
        assert_eq!(report.round_trip(sent), None, "before it was sent");
    }

    #[test]
    fn random_bytes_never_panic() {
        let chance = Chance::seeded(2);
        let whole = bye(7, "someone", Some(&INFO));
        for n in 0..20_000_usize {
            let noise = chance.bytes::<48>();
            let mut bytes = whole.clone();
            for (at, byte) in noise.iter().take(n % 4).enumerate() {
                let place = usize::from(noise[at + 8]) % bytes.len();
                bytes[place] = *byte;
            }
            bytes.truncate(usize::from(noise[40]) % 100);
            let _ = parse(&bytes);
            let _ = parse(&noise);
        }
    }
}
