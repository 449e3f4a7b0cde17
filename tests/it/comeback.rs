//! The desk rebuilt from the store: after a restart, and after a unit of work that failed.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use madoguchi::desk::board::Board;
use madoguchi::desk::events::Event;
use madoguchi::desk::ports::ArrivalExtra;
use madoguchi::desk::protocol::ClientCommand;
use madoguchi::kernel::db::{DbError, Tx};
use madoguchi::kernel::ids::{AccountId, ContactId};
use madoguchi::kernel::time::{Millis, Timestamp};
use madoguchi::routing::{AgentState, ContactState, OfferEnd};

use crate::both_databases;
use crate::support::house::{Follow, House, Open};

/// The board computed afresh from the whole log.
async fn fold(house: &House) -> Board {
    let mut board = Board::empty("Asia/Tokyo", Millis::from_secs(20));
    for event in house.events().await {
        board.apply(&event);
    }
    board
}

/// The board of the feed once it knows the whole log.
async fn settled(house: &House, open: &Open, mut follow: Follow) -> Arc<Board> {
    let seq = house.seq().await;
    let board = open.desk.board(house.pool).expect("the pool");
    if board.seq < seq {
        follow.reach(seq).await;
    }
    open.desk.board(house.pool).expect("the pool")
}

/// Something that comes with an arrival and fails.
enum Fault {
    Refuses,
    Panics,
}

impl ArrivalExtra for Fault {
    fn write<'a>(&'a self, _: &'a mut Tx, _: ContactId, _: Timestamp) -> BoxFuture<'a, Result<(), DbError>> {
        Box::pin(async move {
            match self {
                Self::Refuses => Err(DbError::Busy),
                Self::Panics => panic!("what came with the arrival"),
            }
        })
    }
}

both_databases! {
    async fn a_restart_keeps_the_order_the_talks_and_the_board(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let talking = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let (offer, holder) = house.ringing(talking).await;
        house.say(&open.desk, holder, ClientCommand::Accept { offer }).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..3 {
            house.clock.advance(Millis(10));
            waiting.push(open.desk.arrive(house.arrival("vi")).await.unwrap().contact);
        }
        house.sign_in(&open.desk, house.agents[0]).await;
        let (rung, other) = house.ringing(waiting[0]).await;
        open.close().await;

        house.clock.advance(Millis::from_secs(5));
        let open = house.open().await;
        let mut follow = Follow::new(&open.desk, house.pool);
        let record = open.desk.offer(rung).await.unwrap().unwrap();
        assert!(!record.ringing, "offers that were out are ended");
        let ended = Event::OfferEnded { agent: other, offer: rung, reason: OfferEnd::Revoked };
        assert!(house.events().await.iter().any(|e| e.event == ended));
        for (place, contact) in (1..).zip(&waiting) {
            let standing = open.desk.standing(*contact).await.unwrap();
            assert_eq!((standing.state, standing.position), (ContactState::Waiting, Some(place)));
        }
        assert_eq!(open.desk.standing(talking).await.unwrap().state, ContactState::Active);

        open.desk.agent_connected(house.pool, other).await.unwrap();
        let (fresh, again) = house.ringing(waiting[0]).await;
        assert!(fresh != rung && again == other, "who comes back is offered the same contact");
        house.say(&open.desk, other, ClientCommand::Accept { offer: fresh }).await.expect("accepted");
        // The holder stays away: the talk goes back to the head of the queue.
        house.clock.advance(Millis::from_secs(60));
        let returned = follow.until("contact_requeued").await;
        assert_eq!(returned.contact, Some(talking));
        assert_eq!(open.desk.standing(talking).await.unwrap().position, Some(1));
        assert_eq!(*settled(&house, &open, follow).await, fold(&house).await);
        open.close().await;

        let open = house.open().await;
        let follow = Follow::new(&open.desk, house.pool);
        assert_eq!(*settled(&house, &open, follow).await, fold(&house).await);
        assert_eq!(open.desk.standing(talking).await.unwrap().position, Some(1), "still at the head");
        open.close().await;
    }

    async fn a_holder_who_comes_back_in_time_keeps_the_talk(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let (offer, agent) = house.ringing(contact).await;
        house.say(&open.desk, agent, ClientCommand::Accept { offer }).await.unwrap();
        house.say(&open.desk, agent, ClientCommand::End { contact }).await.unwrap();
        house.say(&open.desk, agent, ClientCommand::WrapUpExtend { contact }).await.unwrap();
        open.close().await;

        let open = house.open().await;
        open.desk.agent_connected(house.pool, agent).await.unwrap();
        house.clock.advance(Millis::from_mins(9));
        house.say(&open.desk, agent, ClientCommand::WrapUpExtend { contact }).await.expect("the second");
        house.say(&open.desk, agent, ClientCommand::WrapUpExtend { contact }).await.expect("the third");
        let more = house.say(&open.desk, agent, ClientCommand::WrapUpExtend { contact }).await;
        assert_eq!(more.unwrap_err().code, "extension_limit", "extensions are counted over a restart");
        house.say(&open.desk, agent, ClientCommand::WrapUpDone { contact }).await.expect("done");
        assert_eq!(
            house.story(contact).await,
            [
                "contact_arrived", "offer_made", "contact_accepted", "contact_ended", "wrap_up_started",
                "wrap_up_extended", "wrap_up_extended", "wrap_up_extended", "contact_closed",
            ]
        );
        open.close().await;
    }

    async fn the_last_socket_starts_the_grace_period(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        let mut follow = Follow::new(&open.desk, house.pool);
        let agent = house.agents[2];
        house.sign_in(&open.desk, agent).await;
        open.desk.agent_connected(house.pool, agent).await.unwrap();
        open.desk.agent_disconnected(house.pool, agent).await;
        open.desk.agent_disconnected(house.pool, agent).await;
        let lost = follow.until("agent_disconnected").await;
        let grace = house.clock.now() + Millis::from_secs(60);
        assert_eq!(lost.event, Event::AgentDisconnected { agent, grace_until: Some(grace) });
        let connected = house.events().await.iter().filter(|e| e.event.kind() == "agent_connected").count();
        assert_eq!(connected, 1, "a second socket is no second connection");
        house.clock.advance(Millis::from_secs(60));
        let state = follow.until("agent_state").await;
        assert!(matches!(state.event, Event::AgentState { state: AgentState::Offline, .. }));
        let nobody = open.desk.agent_connected(house.pool, AccountId(1)).await;
        assert_eq!(nobody.unwrap_err().code, "not_found");
        open.close().await;
    }

    async fn a_failed_unit_undoes_itself_alone(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let first = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let (offer, agent) = house.ringing(first).await;
        let before = house.seq().await;

        for fault in [Fault::Refuses, Fault::Panics] {
            let mut faulty = house.arrival("vi");
            faulty.extra = Some(Arc::new(fault));
            let lost = faulty.contact;
            let sound = house.arrival("vi");
            let (failed, placed) = tokio::join!(open.desk.arrive(faulty), open.desk.arrive(sound));
            failed.expect_err("what came with it failed");
            placed.expect("who came at the same time is not harmed");
            assert!(house.story(lost).await.is_empty(), "nothing of it is kept");
            assert_eq!(open.desk.standing(lost).await, None);
        }
        assert!(open.metrics.engine_restores.get() >= 2);
        assert!(open.desk.is_running());
        // The offer rings on at an agent who is still connected.
        house.say(&open.desk, agent, ClientCommand::Accept { offer }).await.expect("accepted");
        assert_eq!(
            house.since(before).await,
            ["contact_arrived", "contact_arrived", "contact_accepted", "agent_state"]
        );
        open.close().await;
    }
}
