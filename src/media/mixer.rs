//! Mixing: each party hears the sum of those it may hear, never itself.
//!
//! Who hears whom is a matrix, because a call centre needs more than a conference: a supervisor who listens
//! hears both and is heard by none; one who whispers is heard by the agent only; one who barges in by all.

use super::{FRAME, Frame};

/// Parties of one mixer; one bit each.
pub const PARTIES_MAX: usize = 32;

/// A party of one mixer, chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartyId(pub u64);

#[derive(Clone, Debug)]
struct Party {
    id: PartyId,
    /// Bit n: it hears the party in seat n.
    hears: u32,
    frame: Frame,
    /// Whether a frame came since the last mix; without one it is silent.
    spoke: bool,
}

/// One conversation. Give each party's frame with [`Mixer::push`], then take all mixes with [`Mixer::mix`],
/// every 20 ms.
#[derive(Clone, Debug, Default)]
pub struct Mixer {
    /// A seat stays the same for as long as its party does: bits point at it.
    seats: Vec<Option<Party>>,
}

impl Mixer {
    #[must_use]
    pub const fn new() -> Self {
        Self { seats: Vec::new() }
    }

    /// Seats a party, who hears nobody and is heard by nobody yet. `false` when the house is full
    /// ([`PARTIES_MAX`]) or the party is seated already.
    pub fn join(&mut self, id: PartyId) -> bool {
        if self.seat(id).is_some() {
            return false;
        }
        let party = Party { id, hears: 0, frame: [0; FRAME], spoke: false };
        if let Some(free) = self.seats.iter_mut().find(|seat| seat.is_none()) {
            *free = Some(party);
        } else if self.seats.len() < PARTIES_MAX {
            self.seats.push(Some(party));
        } else {
            return false;
        }
        true
    }

    /// Takes a party out; nobody hears it any more, whoever sits there next.
    pub fn leave(&mut self, id: PartyId) {
        let Some(at) = self.seat(id) else { return };
        if let Some(seat) = self.seats.get_mut(at) {
            *seat = None;
        }
        for party in self.seats.iter_mut().flatten() {
            party.hears &= !(1 << at);
        }
    }

    /// Says whether `listener` hears `speaker`. Unknown parties, and oneself, are passed over.
    pub fn set_hears(&mut self, listener: PartyId, speaker: PartyId, hears: bool) {
        let (Some(at), true) = (self.seat(speaker), listener != speaker) else { return };
        if let Some(party) = self.party(listener) {
            party.hears = if hears { party.hears | 1 << at } else { party.hears & !(1 << at) };
        }
    }

    /// Says whether two parties hear each other.
    pub fn set_both(&mut self, one: PartyId, other: PartyId, hear: bool) {
        self.set_hears(one, other, hear);
        self.set_hears(other, one, hear);
    }

    /// Whether `listener` hears `speaker`.
    #[must_use]
    pub fn hears(&self, listener: PartyId, speaker: PartyId) -> bool {
        let party = self.seat(listener).and_then(|at| self.seats.get(at)?.as_ref());
        self.seat(speaker).is_some_and(|at| party.is_some_and(|party| party.hears & 1 << at != 0))
    }

    /// How many parties there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.iter().flatten().count()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a party said in these 20 ms; a second frame replaces the first.
    pub fn push(&mut self, id: PartyId, frame: &Frame) {
        if let Some(party) = self.party(id) {
            party.frame = *frame;
            party.spoke = true;
        }
    }

    /// Gives each party what it hears, and begins the next 20 ms. Sums saturate.
    pub fn mix(&mut self, mut out: impl FnMut(PartyId, &Frame)) {
        let spoke = (0..).zip(&self.seats).filter(|(_, seat)| seat.as_ref().is_some_and(|party| party.spoke));
        let spoke = spoke.fold(0_u32, |bits, (at, _): (u32, _)| bits | 1 << at);
        for listener in self.seats.iter().flatten() {
            let mut sum = [0_i32; FRAME];
            let mut bits = listener.hears & spoke;
            while bits != 0 {
                let at = usize::try_from(bits.trailing_zeros()).unwrap_or(0);
                bits &= bits - 1;
                if let Some(speaker) = self.seats.get(at).and_then(Option::as_ref) {
                    for (sum, value) in sum.iter_mut().zip(&speaker.frame) {
                        *sum += i32::from(*value);
                    }
                }
            }
            out(listener.id, &sum.map(saturate));
        }
        for party in self.seats.iter_mut().flatten() {
            party.spoke = false;
        }
    }

    fn seat(&self, id: PartyId) -> Option<usize> {
        self.seats.iter().position(|seat| seat.as_ref().is_some_and(|party| party.id == id))
    }

    fn party(&mut self, id: PartyId) -> Option<&mut Party> {
        self.seats.iter_mut().flatten().find(|party| party.id == id)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
fn saturate(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::kernel::clock::Chance;

    const CALLER: PartyId = PartyId(1);
    const AGENT: PartyId = PartyId(2);
    const CHIEF: PartyId = PartyId(3);

    fn mixed(mixer: &mut Mixer) -> HashMap<u64, i16> {
        let mut out = HashMap::new();
        mixer.mix(|id, frame| {
            assert!(frame.iter().all(|s| *s == frame[0]));
            out.insert(id.0, frame[0]);
        });
        out
    }

    fn heard(mixer: &mut Mixer) -> [i16; 3] {
        for (id, value) in [(CALLER, 1), (AGENT, 10), (CHIEF, 100)] {
            mixer.push(id, &[value; FRAME]);
        }
        let out = mixed(mixer);
        [1, 2, 3].map(|id| out[&id])
    }

    #[test]
    fn listen_whisper_and_barge() {
        let mut mixer = Mixer::new();
        assert!(mixer.join(CALLER) && mixer.join(AGENT) && mixer.join(CHIEF) && !mixer.join(CHIEF));
        assert_eq!(heard(&mut mixer), [0, 0, 0], "nobody was introduced");
        mixer.set_both(CALLER, AGENT, true);
        mixer.set_hears(CHIEF, CALLER, true);
        mixer.set_hears(CHIEF, AGENT, true);
        mixer.set_hears(CHIEF, CHIEF, true);
        assert_eq!(heard(&mut mixer), [10, 1, 11], "listen");
        mixer.set_hears(AGENT, CHIEF, true);
        assert_eq!(heard(&mut mixer), [10, 101, 11], "whisper");
        mixer.set_hears(CALLER, CHIEF, true);
        assert_eq!(heard(&mut mixer), [110, 101, 11], "barge");
        mixer.set_both(CALLER, AGENT, false);
        assert_eq!(heard(&mut mixer), [100, 100, 11]);
        assert!(mixer.hears(CALLER, CHIEF) && !mixer.hears(CALLER, AGENT));
        assert_eq!(mixed(&mut mixer)[&1], 0, "who gives no frame is silent");
        mixer.leave(CHIEF);
        assert!(mixer.join(PartyId(4)));
        mixer.push(PartyId(4), &[7; FRAME]);
        assert_eq!((mixed(&mut mixer)[&1], mixer.len()), (0, 3), "a seat's next party was not introduced");
    }

    #[test]
    fn sums_saturate_and_the_house_gets_full() {
        let mut mixer = Mixer::new();
        for id in 0..32 {
            assert!(mixer.join(PartyId(id)));
            mixer.set_hears(PartyId(0), PartyId(id), true);
            mixer.push(PartyId(id), &[if id % 2 == 0 { 30_000 } else { 20_000 }; FRAME]);
        }
        assert!(!mixer.join(PartyId(99)));
        assert_eq!(mixed(&mut mixer)[&0], i16::MAX);
        for id in 0..32 {
            mixer.push(PartyId(id), &[i16::MIN; FRAME]);
        }
        assert_eq!(mixed(&mut mixer)[&0], i16::MIN);
    }

    #[test]
    fn the_matrix_is_the_sum() {
        for seed in 0..50 {
            let chance = Chance::seeded(seed);
            let mut mixer = Mixer::new();
            let mut links = Vec::new();
            for id in 0..8 {
                mixer.join(PartyId(id));
            }
            for _ in 0..40 {
                let (a, b, on) = (chance.below(8), chance.below(8), chance.below(3) > 0);
                mixer.set_hears(PartyId(a), PartyId(b), on);
                links.retain(|link| *link != (a, b));
                if on && a != b {
                    links.push((a, b));
                }
            }
            for id in 0..8 {
                mixer.push(PartyId(id), &[1 << id; FRAME]);
            }
            for (id, got) in mixed(&mut mixer) {
                let want: i16 = links.iter().filter(|(a, _)| *a == id).map(|(_, b)| 1 << b).sum();
                assert_eq!(got, want, "seed {seed}");
            }
        }
    }
}
