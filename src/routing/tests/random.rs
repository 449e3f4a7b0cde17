//! Random inputs that make sense often enough to get somewhere, and do not often enough to hurt.

use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId, ReservationId};
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{
    AgentSetup, Arrival, AwayReason, Capacity, DeskConfig, Image, Input, Level, PerChannel, PhaseImage,
    PoolConfig, Reservation, Skill, SkillLevel, Tag, TransferTarget, Wish,
};

use super::model::CHANNELS;

const DESKS: u128 = 3;
const AGENTS: u128 = 5;

pub(super) struct Random {
    rng: ChaCha8Rng,
    /// Also reservations, preferred agents and transfers to them.
    everything: bool,
    contacts: u128,
    reservations: u128,
    /// Claims that were asked for and not answered.
    pub(super) claims: Vec<(OfferId, ContactId)>,
}

impl Random {
    pub(super) fn new(seed: u64, everything: bool) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { rng, everything, contacts: 0, reservations: 0, claims: Vec::new() }
    }

    pub(super) fn one_in(&mut self, n: u32) -> bool {
        self.rng.random_range(0..n) == 0
    }

    fn desk(&mut self) -> DeskId {
        let unknown = self.one_in(20);
        DeskId(self.rng.random_range(1..=DESKS + u128::from(unknown)))
    }

    fn agent(&mut self) -> AccountId {
        let unknown = self.one_in(20);
        AccountId(self.rng.random_range(1..=AGENTS + u128::from(unknown)))
    }

    fn skill(&mut self) -> Skill {
        let languages = ["ja", "vi", "en"].map(|t| Skill::Language { tag: Tag::new(t).unwrap() });
        let topics = ["5", "7"].map(|t| Skill::Topic { tag: Tag::new(t).unwrap() });
        *[&languages[..], &topics[..]].concat().choose(&mut self.rng).unwrap()
    }

    fn wanted(&mut self) -> Vec<Skill> {
        let most = if self.one_in(100) { 12 } else { 2 };
        let n = self.rng.random_range(0..=most);
        let mut wanted: Vec<Skill> = (0..n).map(|_| self.skill()).collect();
        if n > 9 {
            // More different wishes than are allowed.
            wanted.extend((0..9).map(|i| Skill::Topic { tag: Tag::new(&format!("t{i}")).unwrap() }));
        }
        wanted
    }

    fn short(&mut self) -> Millis {
        Millis(*[0, 1, 500, 3_000, 10_000, 30_000, 120_000].choose(&mut self.rng).unwrap())
    }

    fn maybe_short(&mut self) -> Option<Millis> {
        if self.one_in(3) { None } else { Some(self.short()) }
    }

    pub(super) fn pool(&mut self) -> PoolConfig {
        PoolConfig {
            chat_interruptible_by_call: self.one_in(2),
            decline_pause: self.short(),
            reservation_hold: self.short(),
        }
    }

    fn desk_config(&mut self) -> DeskConfig {
        let partners = if self.one_in(2) { vec![self.desk()] } else { Vec::new() };
        DeskConfig {
            offer_ttl: self.short(),
            wrap_up_limit: self.short(),
            wrap_up_extension: self.short(),
            wrap_up_extensions_max: self.rng.random_range(0..3),
            socket_grace: self.short(),
            ageing_step: self.short(),
            translation_after: self.maybe_short(),
            partner_after: self.maybe_short(),
            partner_desks: partners,
            preferred_wait: self.short(),
            max_wait: if self.one_in(2) { None } else { Some(Millis(300_000)) },
            no_agent_grace: self.short(),
            queue_limit: if self.one_in(5) { 2 } else { 200 },
            serve_out_at_closing: self.one_in(3),
            expected_handling: PerChannel { phone: self.short(), meeting: self.short(), chat: self.short() },
            ..DeskConfig::default()
        }
    }

    fn setup(&mut self, agent: AccountId) -> AgentSetup {
        let desks: std::collections::BTreeSet<DeskId> =
            (0..self.rng.random_range(0..3)).map(|_| self.desk()).collect();
        let skills: std::collections::BTreeMap<Skill, Level> = (0..self.rng.random_range(0..4))
            .map(|_| (self.skill(), Level::clamped(self.rng.random_range(1..=5))))
            .collect();
        AgentSetup {
            agent,
            desks: desks.into_iter().collect(),
            skills: skills.into_iter().map(|(skill, level)| SkillLevel { skill, level }).collect(),
            capacity: Capacity {
                phone: self.rng.random_range(0..2),
                meeting: self.rng.random_range(0..2),
                chat: self.rng.random_range(0..4),
            },
            translation: self.one_in(3),
        }
    }

    fn wish(&mut self) -> Wish {
        let away = Wish::Away { reason: AwayReason::Break };
        *[Wish::Available, Wish::Available, Wish::Available, away, Wish::Offline]
            .choose(&mut self.rng)
            .unwrap()
    }

    /// The inputs with which a story begins: desks, agents, most of them at work.
    pub(super) fn opening(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        for desk in (1..=DESKS).map(DeskId) {
            let config = Box::new(self.desk_config());
            inputs.extend([Input::DeskConfigured { desk, config }, Input::DeskOpened { desk }]);
        }
        for agent in (1..=AGENTS).map(AccountId) {
            inputs.extend([
                Input::AgentUpsert(self.setup(agent)),
                Input::SocketBack { agent },
                Input::SetState { agent, wish: Wish::Available },
            ]);
        }
        inputs
    }

    /// When the next input comes: at once, soon, exactly when something runs out, or long after.
    pub(super) fn later(&mut self, now: Timestamp, wake: Option<Timestamp>) -> Timestamp {
        match self.rng.random_range(0..10) {
            0..=3 => now,
            4 => wake.unwrap_or(now).max(now),
            5 => wake.unwrap_or(now).max(now) - Millis(1),
            6..=8 => now + Millis(self.rng.random_range(0..8_000)),
            _ => now + Millis(self.rng.random_range(0..90_000)),
        }
    }

    fn contact(&mut self, image: &Image) -> ContactId {
        let known = image.contacts.choose(&mut self.rng).map(|c| c.arrival.contact);
        let unknown = self.one_in(20);
        known.filter(|_| !unknown).unwrap_or(ContactId(7))
    }

    fn arrival(&mut self, now: Timestamp, image: &Image) -> Input {
        self.contacts += 1;
        let again = self.one_in(50).then(|| self.contact(image));
        let early = if self.one_in(10) { self.short() } else { Millis::ZERO };
        let preferred = (self.everything && self.one_in(3)).then(|| self.agent());
        let reservation = (preferred.is_some() && self.one_in(2))
            .then(|| image.reservations.choose(&mut self.rng).map(|r| r.reservation))
            .flatten();
        Input::Arrived(Arrival {
            contact: again.unwrap_or(ContactId::compose(now.max(Timestamp(1)), self.contacts)),
            desk: self.desk(),
            channel: *CHANNELS.choose(&mut self.rng).unwrap(),
            wanted: self.wanted(),
            priority: if self.one_in(4) { self.rng.random_range(0..=9) } else { 0 },
            arrived_at: now - early,
            preferred,
            reservation,
        })
    }

    /// An answer to something that is open: what makes stories go on.
    fn answer(&mut self, image: &Image) -> Option<Input> {
        if !self.claims.is_empty() && !self.one_in(5) {
            let (offer, contact) = self.claims.swap_remove(self.rng.random_range(0..self.claims.len()));
            let won = !self.one_in(8);
            return Some(if won {
                Input::ClaimWon { offer, contact }
            } else {
                Input::ClaimLost { offer, contact }
            });
        }
        let open = image.contacts.choose(&mut self.rng)?;
        let contact = open.arrival.contact;
        Some(match open.phase {
            PhaseImage::Offered { offer, agent, .. } if self.one_in(6) => Input::Declined { offer, agent },
            PhaseImage::Offered { offer, agent, .. } => Input::Accepted { offer, agent },
            PhaseImage::Active { .. } => Input::Ended { contact },
            PhaseImage::WrapUp { .. } => Input::WrapUpDone { contact },
            PhaseImage::Waiting => return None,
        })
    }

    pub(super) fn input(&mut self, now: Timestamp, image: &Image) -> Input {
        if self.rng.random_range(0..10) < 4
            && let Some(answer) = self.answer(image)
        {
            return answer;
        }
        match self.rng.random_range(0..100) {
            0..=29 => self.arrival(now, image),
            30..=49 => self.about_contact(image),
            50..=84 => self.about_agent(image),
            85..=91 => self.about_desk(),
            92..=95 if self.everything => self.about_reservation(now, image),
            _ => Input::Tick,
        }
    }

    fn about_contact(&mut self, image: &Image) -> Input {
        let contact = self.contact(image);
        match self.rng.random_range(0..11) {
            0 => Input::SkillsCorrected { contact, wanted: self.wanted() },
            1 | 2 => Input::GaveUp { contact },
            3 => Input::ChoseDiversion { contact },
            4 => Input::Failed { contact },
            5 => Input::WrapUpExtend { contact },
            6 => Input::Hold { contact },
            7 => Input::Unhold { contact },
            8 => Input::TransferredOutside { contact },
            9 => Input::PullBack { contact },
            _ => Input::Transfer { contact, to: self.target() },
        }
    }

    fn target(&mut self) -> TransferTarget {
        if self.everything && self.one_in(3) {
            TransferTarget::Agent { agent: self.agent() }
        } else if self.one_in(2) {
            TransferTarget::Desk { desk: self.desk() }
        } else {
            TransferTarget::Skills { wanted: self.wanted() }
        }
    }

    fn about_agent(&mut self, image: &Image) -> Input {
        let agent = self.agent();
        match self.rng.random_range(0..20) {
            0 => Input::AgentUpsert(self.setup(agent)),
            1 if self.one_in(6) => Input::AgentRemoved { agent },
            2 => Input::SocketLost { agent },
            3..=7 => Input::SocketBack { agent },
            11 if self.one_in(2) => Input::ForceState { agent, wish: self.wish() },
            8 | 9 => Input::Assign { contact: self.contact(image), agent },
            10 => {
                let mut offers = image.contacts.iter().filter_map(|c| match c.phase {
                    PhaseImage::Offered { offer, .. } => Some(offer),
                    _ => None,
                });
                let offer = offers.next_back().unwrap_or(OfferId(3));
                // Somebody else's offer, or one that is long over.
                if self.one_in(2) {
                    Input::Accepted { offer, agent }
                } else {
                    Input::Declined { offer, agent }
                }
            }
            _ => Input::SetState { agent, wish: self.wish() },
        }
    }

    fn about_desk(&mut self) -> Input {
        let desk = self.desk();
        match self.rng.random_range(0..12) {
            0..=2 => Input::DeskConfigured { desk, config: Box::new(self.desk_config()) },
            3 => Input::DeskClosed { desk },
            4 if self.one_in(4) => Input::DeskRemoved { desk },
            5 if self.one_in(4) => Input::PoolConfigured { config: self.pool() },
            _ => Input::DeskOpened { desk },
        }
    }

    fn about_reservation(&mut self, now: Timestamp, image: &Image) -> Input {
        let known = image.reservations.choose(&mut self.rng).map(|r| r.reservation);
        if let Some(reservation) = known
            && self.one_in(3)
        {
            return Input::ReservationCancelled { reservation };
        }
        self.reservations += 1;
        let starts_at = now + self.short();
        let again = known.filter(|_| self.one_in(4));
        Input::ReservationUpsert(Reservation {
            reservation: again.unwrap_or(ReservationId(self.reservations)),
            agent: self.agent(),
            starts_at,
            ends_at: starts_at + self.short(),
        })
    }
}
