//! The engine's face: [`Router`], its state, and the questions it answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::agent::Agent;
use super::contact::{Contact, Phase};
use super::index::{self, AskKey, Index};
use super::order::Rank;
use super::timers::{TimerKey, Timers};
use super::{
    Channel, ContactState, DeskConfig, Input, Output, PoolConfig, Rejection, Reservation, Ring, Skill,
};
use crate::kernel::ids::{AccountId, ContactId, DeskId, OfferId, ReservationId};
use crate::kernel::time::{Millis, Timestamp};

/// The largest place in line that [`Router::position`] counts to; further back reads as this one.
pub const POSITION_MAX: u32 = 999;

/// A desk with its door.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) config: DeskConfig,
    pub(super) open: bool,
}

/// The contact-centre engine of one pool. See the law of the module.
#[derive(Clone, Debug)]
pub struct Router {
    pub(super) now: Timestamp,
    pub(super) pool: PoolConfig,
    /// Makes the ids of offers.
    pub(super) counter: u64,
    pub(super) desks: BTreeMap<DeskId, Desk>,
    pub(super) agents: BTreeMap<AccountId, Agent>,
    pub(super) contacts: BTreeMap<ContactId, Contact>,
    /// Offers that are out or being claimed.
    pub(super) offers: BTreeMap<OfferId, ContactId>,
    pub(super) reservations: BTreeMap<ReservationId, Reservation>,
    /// Waiting contacts by desk and channel, whatever they want: what an inquirer sees as "the line".
    pub(super) lines: BTreeMap<(DeskId, Channel), BTreeSet<Rank>>,
    pub(super) index: Index,
    pub(super) timers: Timers,
    /// Contacts and agents that may have become part of a new match since the last dispatch.
    pub(super) new_contacts: BTreeSet<Rank>,
    pub(super) new_agents: BTreeSet<AccountId>,
    /// Contacts whose waiting has to be explained if this input leaves them waiting.
    pub(super) unexplained: BTreeSet<ContactId>,
    pub(super) out: VecDeque<Output>,
    pub(super) work: u64,
}

/// The answer of an act: done, or why not.
pub(super) type Act = Result<(), Rejection>;

impl Router {
    /// An engine without desks and agents.
    #[must_use]
    pub const fn new(pool: PoolConfig) -> Self {
        Self {
            now: Timestamp(i64::MIN),
            pool,
            counter: 0,
            desks: BTreeMap::new(),
            agents: BTreeMap::new(),
            contacts: BTreeMap::new(),
            offers: BTreeMap::new(),
            reservations: BTreeMap::new(),
            lines: BTreeMap::new(),
            index: Index::new(),
            timers: Timers::new(),
            new_contacts: BTreeSet::new(),
            new_agents: BTreeSet::new(),
            unexplained: BTreeSet::new(),
            out: VecDeque::new(),
            work: 0,
        }
    }

    /// Takes one input at `now` (an earlier time than the last counts as the last). What ran out by `now`
    /// comes
    /// before the input. Drain [`Self::poll`] next.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = self.now.max(now);
        self.run_timers();
        self.dispatch();
        let (contact, agent) = subject(&input);
        if let Err(reason) = self.apply(input) {
            self.out.push_back(Output::Rejected { reason, contact, agent });
        }
        self.dispatch();
        self.explain_waiting();
    }

    fn apply(&mut self, input: Input) -> Act {
        match input {
            Input::Arrived(arrival) => self.arrived(arrival),
            Input::SkillsCorrected { contact, wanted } => self.skills_corrected(contact, wanted),
            Input::GaveUp { contact } => self.gave_up(contact),
            Input::ChoseDiversion { contact } => self.chose_diversion(contact),
            Input::Accepted { offer, agent } => self.accepted(offer, agent),
            Input::Declined { offer, agent } => self.declined(offer, agent),
            Input::ClaimWon { offer, contact } => self.claim_won(offer, contact),
            Input::ClaimLost { offer, contact } => self.claim_lost(offer, contact),
            Input::Ended { contact } => self.talk_ended(contact, super::Outcome::Handled),
            Input::Failed { contact } => self.failed(contact),
            Input::WrapUpDone { contact } => self.wrap_up_done(contact),
            Input::WrapUpExtend { contact } => self.wrap_up_extend(contact),
            Input::Hold { contact } => self.set_held(contact, true),
            Input::Unhold { contact } => self.set_held(contact, false),
            Input::Transfer { contact, to } => self.transfer(contact, to),
            Input::TransferredOutside { contact } => self.talk_ended(contact, super::Outcome::Transferred),
            Input::AgentUpsert(setup) => self.agent_upsert(setup),
            Input::AgentRemoved { agent } => self.agent_removed(agent),
            Input::SetState { agent, wish } => self.set_state(agent, wish),
            Input::SocketLost { agent } => self.socket_lost(agent),
            Input::SocketBack { agent } => self.socket_back(agent),
            Input::ReservationUpsert(reservation) => self.reservation_upsert(reservation),
            Input::ReservationCancelled { reservation } => self.reservation_cancelled(reservation),
            Input::DeskConfigured { desk, config } => self.desk_configured(desk, *config),
            Input::DeskRemoved { desk } => self.desk_removed(desk),
            Input::DeskOpened { desk } => self.desk_opened(desk),
            Input::DeskClosed { desk } => self.desk_closed(desk),
            Input::PoolConfigured { config } => self.pool_configured(config),
            Input::Assign { contact, agent } => self.assign(contact, agent),
            Input::PullBack { contact } => self.pull_back(contact),
            Input::ForceState { agent, wish } => self.force_state(agent, wish),
            Input::Tick => Ok(()),
        }
    }

    /// The next thing to do, in order; `None` when all is said.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Self::handle`] with [`Input::Tick`] if nothing else comes before.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Where the contact stands; `None` once it is closed.
    #[must_use]
    pub fn contact_state(&self, contact: ContactId) -> Option<ContactState> {
        self.contacts.get(&contact).map(Contact::state)
    }

    /// The place of a waiting contact among those of its desk and channel, from 1 to [`POSITION_MAX`]; 0
    /// while
    /// it is being offered.
    #[must_use]
    pub fn position(&self, contact: ContactId) -> Option<u32> {
        let contact = self.contacts.get(&contact)?;
        match &contact.phase {
            Phase::Waiting(place) => {
                let line = self.lines.get(&(contact.arrival.desk, contact.arrival.channel))?;
                let before = line.range(..place.rank).take(POSITION_MAX as usize - 1).count();
                u32::try_from(before + 1).ok()
            }
            Phase::Offered { .. } | Phase::Claiming { .. } => Some(0),
            Phase::Arriving | Phase::Active { .. } | Phase::WrapUp { .. } => None,
        }
    }

    /// How long a contact that arrived now would wait; zero when an agent is free, `None` when nobody who
    /// could
    /// take it is signed in or the desk is closed.
    ///
    /// An estimate: those in line before it, times the expected handling, over what the agents at work can
    /// hold side by side.
    #[must_use]
    pub fn expected_wait(&self, desk: DeskId, channel: Channel, wanted: &[Skill]) -> Option<Millis> {
        self.estimate(desk, channel, wanted, self.waiting(desk, channel))
    }

    /// The same for a contact that waits, at its place in line; zero while it is being offered, `None` also
    /// when
    /// it does not wait.
    #[must_use]
    pub fn expected_wait_of(&self, contact: ContactId) -> Option<Millis> {
        let place = self.position(contact)?;
        let arrival = &self.contacts.get(&contact)?.arrival;
        match place.checked_sub(1) {
            None => Some(Millis::ZERO),
            Some(ahead) => self.estimate(arrival.desk, arrival.channel, &arrival.wanted, ahead),
        }
    }

    /// Contacts that wait at a desk and channel, without those being offered.
    #[must_use]
    pub fn waiting(&self, desk: DeskId, channel: Channel) -> u32 {
        let line = self.lines.get(&(desk, channel)).map_or(0, BTreeSet::len);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// Whether the desk is known and its door is open.
    #[must_use]
    pub fn is_open(&self, desk: DeskId) -> bool {
        self.desks.get(&desk).is_some_and(|desk| desk.open)
    }

    /// Until when the agent's lost connection is waited for; `None` while it stands, or when nothing hangs
    /// on it.
    #[must_use]
    pub fn grace_until(&self, agent: AccountId) -> Option<Timestamp> {
        self.timers.at(TimerKey::Grace(agent))
    }

    fn estimate(&self, desk: DeskId, channel: Channel, wanted: &[Skill], ahead: u32) -> Option<Millis> {
        let door = self.desks.get(&desk).filter(|d| d.open)?;
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let key = AskKey { desk, channel, wanted };
        let lead = door.config.expected_handling.of(channel).max(self.pool.reservation_hold);
        let (mut staff, mut seats, mut soonest) = (0_u32, 0_u32, None::<Millis>);
        for profile in self.index.profiles.values() {
            let Ok((ring, _)) = index::fit(&key, &door.config.partner_desks, &profile.key) else { continue };
            let Some(opens) = ring_opens(&door.config, ring) else { continue };
            staff += profile.staff;
            seats += profile.working * u32::from(profile.key.capacity.of(channel));
            if !profile.free[channel.index()].is_empty() && profile.key.headroom >= lead {
                soonest = Some(soonest.map_or(opens, |s| s.min(opens)));
            }
        }
        let handling = door.config.expected_handling.of(channel).0.max(0);
        let queued = Millis(handling.saturating_mul(i64::from(ahead) + 1) / i64::from(seats.max(1)));
        match soonest {
            _ if staff == 0 => None,
            Some(opens) => Some(opens.min(queued)),
            None => Some(queued),
        }
    }

    /// Profiles and asks looked at so far: the part of the cost that is not a step in an ordered set.
    #[must_use]
    pub const fn work(&self) -> u64 {
        self.work
    }

    /// Open contacts and agents known.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.contacts.len(), self.agents.len())
    }

    pub(super) fn emit(&mut self, output: Output) {
        self.out.push_back(output);
    }
}

fn ring_opens(config: &DeskConfig, ring: Ring) -> Option<Millis> {
    match ring {
        Ring::Own => Some(Millis::ZERO),
        Ring::Translation => config.translation_after,
        Ring::Partner => config.partner_after,
    }
}

/// Whom an input is about, for the rejection.
const fn subject(input: &Input) -> (Option<ContactId>, Option<AccountId>) {
    match input {
        Input::Arrived(arrival) => (Some(arrival.contact), None),
        Input::SkillsCorrected { contact, .. }
        | Input::GaveUp { contact }
        | Input::ChoseDiversion { contact }
        | Input::ClaimWon { contact, .. }
        | Input::ClaimLost { contact, .. }
        | Input::Ended { contact }
        | Input::Failed { contact }
        | Input::WrapUpDone { contact }
        | Input::WrapUpExtend { contact }
        | Input::Hold { contact }
        | Input::Unhold { contact }
        | Input::Transfer { contact, .. }
        | Input::TransferredOutside { contact }
        | Input::PullBack { contact } => (Some(*contact), None),
        Input::Assign { contact, agent } => (Some(*contact), Some(*agent)),
        Input::Accepted { agent, .. }
        | Input::Declined { agent, .. }
        | Input::AgentRemoved { agent }
        | Input::SetState { agent, .. }
        | Input::SocketLost { agent }
        | Input::SocketBack { agent }
        | Input::ForceState { agent, .. } => (None, Some(*agent)),
        Input::AgentUpsert(setup) => (None, Some(setup.agent)),
        Input::ReservationUpsert(reservation) => (None, Some(reservation.agent)),
        Input::ReservationCancelled { .. }
        | Input::DeskConfigured { .. }
        | Input::DeskRemoved { .. }
        | Input::DeskOpened { .. }
        | Input::DeskClosed { .. }
        | Input::PoolConfigured { .. }
        | Input::Tick => (None, None),
    }
}
