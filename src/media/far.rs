//! Where the far side of a leg is: what its SDP says, and what its packets show (symmetric RTP, RFC 4961).
//!
//! The first good packet locks the address that we send to, since a carrier behind NAT names one that is not
//! its own. From then on a packet from elsewhere is ignored: whoever guesses the port hears and says nothing.

use std::net::SocketAddr;

use super::sdp::Agreed;
use crate::kernel::time::{Millis, Timestamp};

/// How long after the lock a packet from the host that SDP named may still replace one from elsewhere.
const SETTLE: Millis = Millis(5000);
/// After a re-offer that names the same address, another one is learnt only when the locked one has been
/// quiet for so long: a session refresh opens no door.
const QUIET: Millis = Millis(1000);

/// Which addresses may be learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learn {
    /// Only the address and port of the SDP.
    No,
    /// Any port of the SDP's host: a carrier with public addresses.
    #[default]
    SameHost,
    /// Any: a carrier behind NAT.
    Any,
}

/// What the last exchange of SDP lets us expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// RTP and RTCP; `None` while the far side holds with `c=0.0.0.0`: nothing is sent.
    pub far: Option<(SocketAddr, SocketAddr)>,
    /// The payload types that are let through: the voice's, and telephone-event's.
    pub pts: (u8, Option<u8>),
    /// Whether packets must come; when they need not, their absence is no silence.
    pub receives: bool,
}

impl From<&Agreed> for Expect {
    fn from(agreed: &Agreed) -> Self {
        Self { far: agreed.far, pts: (agreed.pt, agreed.event_pt), receives: agreed.direction.receives() }
    }
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Take,
    /// Taken, and its sender is now the far side.
    Learned,
    /// From the far side, but of a payload type that was not agreed.
    OtherType,
    /// From somewhere else.
    Foreign,
}

/// The address of one leg's far side.
#[derive(Clone, Debug, Default)]
pub struct Far {
    learn: Learn,
    expect: Expect,
    /// The last real address that SDP named.
    told: Option<SocketAddr>,
    lock: Option<Lock>,
    rtcp: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug)]
struct Lock {
    addr: SocketAddr,
    since: Timestamp,
    heard: Timestamp,
    /// It came from the host that SDP named.
    sure: bool,
    /// A re-offer named the same address again.
    loose: bool,
}

/// The same address however the socket wrote it: an IPv4 address inside IPv6 is IPv4, scope and flow are
/// gone.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

impl Far {
    #[must_use]
    pub fn new(learn: Learn) -> Self {
        Self { learn, ..Self::default() }
    }

    /// Takes what an offer or answer said. A new address is believed at once and learnt anew.
    pub fn expect(&mut self, expect: &Expect) {
        self.expect = *expect;
        let Some((rtp, _)) = expect.far else { return };
        if self.told.replace(plain(rtp)) == Some(plain(rtp)) {
            if let Some(lock) = &mut self.lock {
                lock.loose = true;
            }
        } else {
            self.lock = None;
            self.rtcp = None;
        }
    }

    /// What was expected last.
    #[must_use]
    pub const fn expected(&self) -> &Expect {
        &self.expect
    }

    /// Judges a whole RTP packet that came `from` there.
    pub fn judge(&mut self, from: SocketAddr, pt: u8, now: Timestamp) -> Verdict {
        let from = plain(from);
        let good = self.expect.pts.0 == pt || self.expect.pts.1 == Some(pt);
        let same_host = self.told.is_some_and(|told| told.ip() == from.ip());
        match &mut self.lock {
            Some(lock) if lock.addr == from => {
                lock.heard = now;
                return if good { Verdict::Take } else { Verdict::OtherType };
            }
            _ if !good => return Verdict::Foreign,
            Some(lock) => {
                let better = !lock.sure && same_host && now.since(lock.since) <= SETTLE;
                let moved = lock.loose && now.since(lock.heard) >= QUIET;
                if !better && !moved {
                    return Verdict::Foreign;
                }
            }
            None => {}
        }
        let allowed = match self.learn {
            Learn::No => self.told == Some(from),
            Learn::SameHost => same_host,
            Learn::Any => true,
        };
        if !allowed {
            return Verdict::Foreign;
        }
        self.lock = Some(Lock { addr: from, since: now, heard: now, sure: same_host, loose: false });
        self.rtcp = None;
        Verdict::Learned
    }

    /// Whether RTCP from there belongs to this leg: it has the far side's host. Its port is learnt.
    pub fn judge_rtcp(&mut self, from: SocketAddr) -> bool {
        let from = plain(from);
        let known = self.lock.map_or(self.told, |lock| Some(lock.addr));
        let ours = known.is_some_and(|known| known.ip() == from.ip())
            || self.expect.far.is_some_and(|(_, rtcp)| plain(rtcp) == from);
        if ours && self.learn != Learn::No {
            self.rtcp = Some(from);
        }
        ours
    }

    /// Where RTP goes now.
    #[must_use]
    pub fn rtp(&self) -> Option<SocketAddr> {
        let (said, _) = self.expect.far?;
        Some(self.lock.map_or(said, |lock| lock.addr))
    }

    /// Where RTCP goes now: where it came from, else beside the learnt address, else where SDP said.
    #[must_use]
    pub fn rtcp(&self) -> Option<SocketAddr> {
        let (_, said) = self.expect.far?;
        let beside = self
            .lock
            .filter(|lock| Some(lock.addr) != self.told)
            .map(|lock| SocketAddr::new(lock.addr.ip(), lock.addr.port().saturating_add(1)));
        self.rtcp.or(beside).or(Some(said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Foreign, Learned, OtherType, Take};

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn expect(text: &str) -> Expect {
        let rtp = at(text);
        let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
        Expect { far: Some((rtp, rtcp)), pts: (0, Some(101)), receives: true }
    }

    #[test]
    fn the_first_good_packet_locks() {
        let mut far = Far::new(Learn::Any);
        far.expect(&expect("192.0.2.1:4000"));
        assert_eq!((far.rtp(), far.rtcp()), (Some(at("192.0.2.1:4000")), Some(at("192.0.2.1:4001"))));
        let now = Timestamp(0);
        assert_eq!(far.judge(at("192.0.2.1:9000"), 3, now), Foreign, "not the agreed codec");
        assert_eq!(far.judge(at("[::ffff:192.0.2.1]:9000"), 0, now), Learned);
        assert_eq!(far.judge(at("192.0.2.1:9000"), 101, now), Take);
        assert_eq!(far.judge(at("192.0.2.1:9000"), 13, now), OtherType);
        assert_eq!(far.judge(at("192.0.2.1:4000"), 0, Timestamp(1)), Foreign);
        assert_eq!((far.rtp(), far.rtcp()), (Some(at("192.0.2.1:9000")), Some(at("192.0.2.1:9001"))));
        assert!(!far.judge_rtcp(at("192.0.2.2:9001")) && far.judge_rtcp(at("192.0.2.1:7777")));
        assert_eq!(far.rtcp(), Some(at("192.0.2.1:7777")));
    }

    #[test]
    fn what_may_be_learnt_is_a_setting() {
        for (learn, port, host) in [(Learn::No, Foreign, Foreign), (Learn::SameHost, Learned, Foreign)] {
            let mut far = Far::new(learn);
            assert_eq!(far.judge(at("192.0.2.1:4000"), 0, Timestamp(0)), Foreign, "nothing was said yet");
            far.expect(&expect("192.0.2.1:4000"));
            assert_eq!(far.clone().judge(at("192.0.2.1:4002"), 0, Timestamp(0)), port);
            assert_eq!(far.judge(at("192.0.2.9:4000"), 0, Timestamp(0)), host);
            assert_eq!(far.judge(at("192.0.2.1:4000"), 0, Timestamp(0)), Learned);
        }
    }

    #[test]
    fn a_stranger_who_was_first_is_replaced() {
        let mut far = Far::new(Learn::Any);
        far.expect(&expect("192.0.2.1:4000"));
        assert_eq!(far.judge(at("198.51.100.6:1"), 0, Timestamp(0)), Learned);
        assert_eq!(far.judge(at("198.51.100.7:1"), 0, Timestamp(9)), Foreign);
        assert_eq!(far.clone().judge(at("192.0.2.1:4000"), 0, Timestamp(5001)), Foreign, "too late");
        assert_eq!(far.judge(at("192.0.2.1:4000"), 0, Timestamp(100)), Learned);
        assert_eq!(far.judge(at("198.51.100.6:1"), 0, Timestamp(101)), Foreign);
    }

    #[test]
    fn a_re_offer_learns_anew() {
        let mut far = Far::new(Learn::Any);
        far.expect(&expect("192.0.2.1:4000"));
        far.judge(at("192.0.2.1:4000"), 0, Timestamp(0));
        far.expect(&expect("192.0.2.1:4000"));
        far.judge(at("192.0.2.1:4000"), 0, Timestamp(2000));
        assert_eq!(far.judge(at("192.0.2.9:1"), 0, Timestamp(2999)), Foreign, "a refresh opens no door");
        assert_eq!(far.clone().judge(at("192.0.2.9:1"), 0, Timestamp(3000)), Learned, "it moved");
        far.expect(&Expect { far: None, ..expect("192.0.2.1:4000") });
        assert_eq!((far.rtp(), far.rtcp()), (None, None), "on hold");
        assert_eq!(far.judge(at("192.0.2.1:4000"), 0, Timestamp(3001)), Take);
        far.expect(&expect("203.0.113.5:6000"));
        assert_eq!(far.rtp(), Some(at("203.0.113.5:6000")));
        assert_eq!(far.judge(at("203.0.113.5:6004"), 0, Timestamp(3002)), Learned);
        assert_eq!(far.judge(at("192.0.2.1:4000"), 0, Timestamp(3003)), Foreign);
    }
}
