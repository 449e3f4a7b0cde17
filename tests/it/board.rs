//! The board is a fold over the log: the fixtures that the console's reducer is tested on as well.
//!
//! `MADOGUCHI_WRITE_FIXTURES=1 cargo nextest run board` writes `tests/fixtures/board/*.json` anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use madoguchi::desk::board::Board;
use madoguchi::desk::events::{Event, LoggedEvent};
use madoguchi::desk::words::{EndedBy, Inquirer, MarkKind, Sender, Side};
use madoguchi::kernel::ids::{AccountId, ContactId, DeskId, MessageId, OfferId, TicketId};
use madoguchi::kernel::time::{Millis, Timestamp};
use madoguchi::routing::{
    AgentState, AwayReason, Channel, DivertReason, OfferEnd, Outcome, RequeueReason, Ring, Wish,
};
use serde::{Deserialize, Serialize};

/// Set to `1` to write the fixtures instead of comparing them.
const WRITE_FIXTURES: &str = "MADOGUCHI_WRITE_FIXTURES";

/// A story and what the board must be after it.
#[derive(Serialize, Deserialize)]
struct Fixture {
    name: String,
    zone: String,
    service_level_ms: Millis,
    events: Vec<LoggedEvent>,
    boards: Board,
}

/// Writes a log, a step at a time.
struct Pen {
    at: i64,
    events: Vec<LoggedEvent>,
}

const WORKERS: DeskId = DeskId(1);
const COMPANIES: DeskId = DeskId(2);
const MAI: AccountId = AccountId(1);
const KEN: AccountId = AccountId(2);
const NONE: Option<ContactId> = None;

impl Pen {
    fn new(at: i64) -> Self {
        Self { at, events: Vec::new() }
    }

    fn log(&mut self, later_ms: i64, contact: Option<ContactId>, event: Event) -> &mut Self {
        self.at += later_ms;
        let seq = i64::try_from(self.events.len()).unwrap() + 1;
        self.events.push(LoggedEvent { seq, at: Timestamp(self.at), contact, event });
        self
    }

    fn arrive(&mut self, id: ContactId, desk: DeskId, channel: Channel) -> &mut Self {
        let event = Event::ContactArrived {
            desk,
            channel,
            language: "vi".to_owned(),
            topic: None,
            inquirer: Inquirer::Worker,
            wanted: Vec::new(),
            priority: 0,
            arrived_at: Timestamp(self.at + 1000),
            preferred: None,
            ticket: Some(TicketId(id.0)),
        };
        self.log(1000, Some(id), event)
    }

    fn offer(&mut self, id: ContactId, agent: AccountId, offer: OfferId) -> &mut Self {
        let expires_at = Timestamp(self.at + 20_000);
        self.log(0, Some(id), Event::OfferMade { agent, offer, expires_at, ring: Ring::Own })
    }

    fn end_offer(&mut self, id: ContactId, agent: AccountId, offer: OfferId, reason: OfferEnd) -> &mut Self {
        self.log(2000, Some(id), Event::OfferEnded { agent, offer, reason })
    }

    fn accept(&mut self, id: ContactId, agent: AccountId, offer: OfferId, waited: i64) -> &mut Self {
        self.log(500, Some(id), Event::ContactAccepted { agent, offer, waited_ms: Millis(waited) })
    }

    fn end(&mut self, id: ContactId, by: EndedBy, outcome: Outcome) -> &mut Self {
        self.log(60_000, Some(id), Event::ContactEnded { by, outcome })
    }

    fn close(&mut self, id: ContactId, outcome: Outcome, handled: i64) -> &mut Self {
        let (waited_ms, handled_ms) = (Millis(3000), Millis(handled));
        self.log(1500, Some(id), Event::ContactClosed { outcome, waited_ms, handled_ms })
    }

    fn state(&mut self, agent: AccountId, state: AgentState, pending: Option<Wish>) -> &mut Self {
        let reason = (state == AgentState::Away).then_some(AwayReason::Meal);
        let since = Timestamp(self.at);
        self.log(100, NONE, Event::AgentState { agent, state, reason, since, pending })
    }
}

/// A chat from the first event to the last, with messages, marks and a wrap-up that is extended.
fn plain() -> Vec<LoggedEvent> {
    let (mut pen, id, offer) = (Pen::new(1_795_568_400_000), ContactId(10), OfferId(20));
    let message = |n: u128, sender| Event::MessageStored { message: MessageId(n), sender, account: None };
    let read = |side, kind, unread| Event::MessagesRead { side, up_to_seq: 8, kind, unread };
    pen.log(0, NONE, Event::DeskOpened { desk: WORKERS })
        .log(10, NONE, Event::AgentConnected { agent: MAI })
        .state(MAI, AgentState::Available, None)
        .arrive(id, WORKERS, Channel::Chat)
        .log(0, Some(id), message(1, Sender::Visitor))
        .offer(id, MAI, offer)
        .accept(id, MAI, offer, 4000)
        .state(MAI, AgentState::Busy, None)
        .log(900, Some(id), message(2, Sender::Visitor))
        .log(900, Some(id), read(Side::Agent, MarkKind::Delivered, 2))
        .log(900, Some(id), read(Side::Agent, MarkKind::Read, 0))
        .log(900, Some(id), message(3, Sender::Agent))
        .log(900, Some(id), read(Side::Visitor, MarkKind::Read, 0))
        .log(900, Some(id), message(4, Sender::System))
        .log(900, Some(id), message(5, Sender::Visitor))
        .log(900, Some(id), Event::TicketChanged { ticket: TicketId(77), version: 2 })
        .end(id, EndedBy::Visitor, Outcome::Handled)
        .log(0, Some(id), Event::WrapUpStarted { agent: MAI, until: Timestamp(1_795_568_900_000) })
        .state(MAI, AgentState::WrapUp, Some(Wish::Away { reason: AwayReason::Break }))
        .log(5000, Some(id), Event::WrapUpExtended { agent: MAI, until: Timestamp(1_795_569_200_000) })
        .log(10, Some(id), Event::SatisfactionGiven { score: 5 });
    let other = ContactId(11);
    pen.arrive(other, WORKERS, Channel::Phone)
        .close(id, Outcome::Handled, 61_000)
        .state(MAI, AgentState::Away, None)
        .log(7000, Some(other), Event::RingWidened { ring: Ring::Partner });
    pen.events
}

/// Offers that come to nothing, hand-overs, holds, and contacts that go away unanswered.
fn turns() -> Vec<LoggedEvent> {
    let mut pen = Pen::new(1_795_568_400_000);
    let [a, b, c, d] = [10, 11, 12, 13].map(ContactId);
    let [one, two, three, four, five] = [20, 21, 22, 23, 24].map(OfferId);
    let requeued = |from_agent, reason, head, desk| Event::ContactRequeued { from_agent, reason, head, desk };
    let corrected = |topic: Option<&str>| Event::ContactCorrected {
        language: "th".to_owned(),
        topic: topic.map(ToOwned::to_owned),
        wanted: Vec::new(),
    };
    pen.log(0, NONE, Event::DeskOpened { desk: WORKERS })
        .log(0, NONE, Event::DeskOpened { desk: COMPANIES })
        .log(0, NONE, Event::DeskClosed { desk: COMPANIES })
        .arrive(a, WORKERS, Channel::Chat)
        .offer(a, MAI, one)
        .end_offer(a, MAI, one, OfferEnd::Declined)
        .offer(a, KEN, two)
        .log(100, Some(a), corrected(Some("housing")))
        .accept(a, KEN, two, 25_000)
        .log(900, Some(a), Event::ContactHeld {})
        .log(900, Some(a), Event::ContactUnheld {})
        .log(900, Some(a), Event::ContactHeld {})
        .log(900, Some(a), requeued(Some(KEN), RequeueReason::Transferred, false, Some(COMPANIES)))
        .log(0, Some(a), corrected(None))
        .offer(a, MAI, three)
        .accept(a, MAI, three, 30_000)
        .arrive(b, WORKERS, Channel::Chat)
        .offer(b, KEN, four)
        .end_offer(b, KEN, four, OfferEnd::GaveUp)
        .end(b, EndedBy::Visitor, Outcome::Abandoned)
        .close(b, Outcome::Abandoned, 0)
        .arrive(c, COMPANIES, Channel::Phone)
        .log(900, Some(c), Event::ContactDiverted { reason: DivertReason::MaxWait })
        .close(c, Outcome::Diverted, 0)
        .arrive(d, WORKERS, Channel::Meeting)
        .offer(d, KEN, five)
        .log(900, Some(d), requeued(Some(KEN), RequeueReason::PulledBack, true, None))
        .end_offer(d, KEN, two, OfferEnd::Revoked)
        .log(900, NONE, Event::AgentDisconnected { agent: MAI, grace_until: Some(Timestamp(9)) });
    pen.events
}

/// A day ends between arrival and answer; the figures begin anew, who is there stays.
fn midnight() -> Vec<LoggedEvent> {
    // 23:59:30 on 24 November in Tokyo.
    let mut pen = Pen::new(1_795_532_370_000);
    let [a, b] = [10, 11].map(ContactId);
    let offer = OfferId(20);
    pen.log(0, NONE, Event::AgentConnected { agent: KEN })
        .arrive(a, WORKERS, Channel::Chat)
        .arrive(b, WORKERS, Channel::Chat)
        .end(b, EndedBy::Visitor, Outcome::Abandoned)
        .close(b, Outcome::Abandoned, 0)
        .offer(a, KEN, offer)
        .accept(a, KEN, offer, 62_000)
        .end(a, EndedBy::Supervisor, Outcome::Handled)
        .close(a, Outcome::Handled, 60_000)
        .log(900_000, NONE, Event::DeskOpened { desk: WORKERS });
    pen.events
}

/// An event that is told twice counts once; one about an unknown contact changes nothing.
fn repeated() -> Vec<LoggedEvent> {
    let mut pen = Pen::new(1_795_568_400_000);
    let (a, offer) = (ContactId(10), OfferId(20));
    pen.arrive(a, WORKERS, Channel::Chat)
        .offer(a, MAI, offer)
        .log(0, Some(ContactId(99)), Event::ContactHeld {})
        .accept(ContactId(99), MAI, OfferId(99), 1)
        .end(ContactId(99), EndedBy::Agent, Outcome::Abandoned)
        .close(ContactId(99), Outcome::Handled, 1)
        .end_offer(a, KEN, offer, OfferEnd::Expired);
    let mut events = pen.events;
    let again = events.clone();
    events.extend(again);
    events
}

fn stories() -> Vec<(&'static str, &'static str, Vec<LoggedEvent>)> {
    vec![
        ("plain", "Asia/Tokyo", plain()),
        ("turns", "Asia/Tokyo", turns()),
        ("midnight", "Asia/Tokyo", midnight()),
        // The day ended long ago, or has long to go: the zone decides.
        ("midnight-elsewhere", "America/New_York", midnight()),
        ("repeated", "Asia/Tokyo", repeated()),
    ]
}

fn fold(zone: &str, events: &[LoggedEvent]) -> Board {
    let mut board = Board::empty(zone, Millis::from_secs(20));
    for event in events {
        board.apply(event);
    }
    board
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/board").join(format!("{name}.json"))
}

#[test]
fn fixtures_say_what_the_reducer_does() {
    let write = std::env::var(WRITE_FIXTURES).is_ok_and(|v| v == "1");
    for (name, zone, events) in stories() {
        let boards = fold(zone, &events);
        let (zone, name_) = (zone.to_owned(), name.to_owned());
        let fixture =
            Fixture { name: name_, zone, service_level_ms: boards.service_level_ms, events, boards };
        let fresh = serde_json::to_string_pretty(&fixture).unwrap() + "\n";
        if write {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), &fresh).unwrap();
        }
        let kept = std::fs::read_to_string(path(name)).unwrap_or_default();
        assert!(kept == fresh, "{name} differs: {WRITE_FIXTURES}=1 cargo nextest run board");
    }
}

#[test]
fn every_kind_of_event_stands_in_a_fixture() {
    let told: BTreeSet<&str> =
        stories().iter().flat_map(|(_, _, events)| events).map(|e| e.event.kind()).collect();
    let source = include_str!("../../src/desk/events.rs");
    let kinds: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> \""))
        .filter_map(|(_, kind)| kind.split('"').next())
        .collect();
    assert!(kinds.len() > 20, "the kinds were found in the source: {kinds:?}");
    assert_eq!(told, kinds);
}

#[test]
fn a_board_that_was_kept_goes_on_like_one_computed_afresh() {
    for (name, zone, events) in stories() {
        let whole = fold(zone, &events);
        for cut in 0..events.len() {
            let kept = serde_json::to_string(&fold(zone, &events[..cut])).unwrap();
            let mut board: Board = serde_json::from_str(&kept).unwrap();
            for event in &events[cut..] {
                board.apply(event);
            }
            assert_eq!(board, whole, "{name}, cut at {cut}");
        }
    }
}
