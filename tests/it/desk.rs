//! The life of a contact through the desk: the rows, the log and the board tell one story.

use madoguchi::desk::events::Event;
use madoguchi::desk::protocol::ClientCommand;

use madoguchi::kernel::time::Millis;
use madoguchi::routing::{AgentState, ContactState, OfferEnd};

use crate::both_databases;
use crate::support::house::{Follow, House};

both_databases! {
    async fn a_contact_is_offered_taken_ended_wrapped_up_and_closed(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        let desk = &open.desk;
        let mut follow = Follow::new(desk, house.pool);
        house.sign_in(desk, house.agents[2]).await;
        let start = house.seq().await;

        let placed = desk.arrive(house.arrival("vi")).await.expect("placed");
        assert!(placed.ticket.is_some(), "the hook made a ticket");
        let contact = placed.contact;
        let (offer, agent) = house.ringing(contact).await;
        assert_eq!(agent, house.agents[2]);
        let record = desk.offer(offer).await.unwrap().expect("the offer is kept");
        assert!(record.ringing && record.contact == contact && record.earlier == 0);
        assert_eq!(desk.standing(contact).await.unwrap().position, Some(0));

        house.clock.advance(Millis::from_secs(5));
        house.say(desk, agent, ClientCommand::Accept { offer }).await.expect("accepted");
        assert_eq!(house.column(contact, "agent_id").await, Some(agent.to_string()));
        house.clock.advance(Millis::from_secs(60));
        house.say(desk, agent, ClientCommand::End { contact }).await.expect("ended");
        assert_eq!(desk.standing(contact).await.unwrap().state, ContactState::WrapUp);
        house.say(desk, agent, ClientCommand::WrapUpDone { contact }).await.expect("wrapped up");
        assert_eq!(desk.standing(contact).await, None);

        assert_eq!(
            house.since(start).await,
            [
                "contact_arrived", "offer_made", "contact_accepted", "agent_state", "contact_ended",
                "wrap_up_started", "agent_state", "contact_closed", "agent_state",
            ]
        );
        assert_eq!(house.column(contact, "state").await.as_deref(), Some("closed"));
        assert_eq!(house.column(contact, "outcome").await.as_deref(), Some("handled"));
        let closed = follow.until("contact_closed").await;
        let Event::ContactClosed { waited_ms, handled_ms, .. } = closed.event else { panic!() };
        assert_eq!((waited_ms, handled_ms), (Millis::from_secs(5), Millis::from_secs(60)));
        follow.reach(house.seq().await).await;
        let board = desk.board(house.pool).unwrap();
        assert!(board.contacts.is_empty());
        assert_eq!((board.totals.answered, board.totals.answered_in_target, board.totals.closed), (1, 1, 1));
        assert_eq!(board.agents[&agent].state, AgentState::Available);
        open.close().await;
    }

    async fn a_declined_offer_goes_to_the_next_agent(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[0]).await;
        house.clock.advance(Millis(1));
        house.sign_in(&open.desk, house.agents[2]).await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let (offer, first) = house.ringing(contact).await;
        assert_eq!(first, house.agents[0], "the longest idle");
        house.say(&open.desk, first, ClientCommand::Decline { offer }).await.unwrap();
        let (next, second) = house.ringing(contact).await;
        assert_eq!(second, house.agents[2]);
        let late = house.say(&open.desk, first, ClientCommand::Accept { offer }).await.unwrap_err();
        assert_eq!(late.code, "offer_over");
        let foreign = house.say(&open.desk, first, ClientCommand::Accept { offer: next }).await.unwrap_err();
        assert_eq!(foreign.code, "not_your_offer");
        let story = house.story(contact).await;
        assert_eq!(story, ["contact_arrived", "offer_made", "offer_ended", "offer_made"]);
        open.close().await;
    }

    async fn an_offer_that_runs_out_makes_its_agent_not_answering(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        let mut follow = Follow::new(&open.desk, house.pool);
        house.sign_in(&open.desk, house.agents[2]).await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        house.clock.advance(Millis::from_secs(20));
        let ended = follow.until("offer_ended").await;
        assert!(matches!(ended.event, Event::OfferEnded { reason: OfferEnd::Expired, .. }));
        let state = follow.until("agent_state").await;
        assert!(matches!(state.event, Event::AgentState { state: AgentState::NotAnswering, .. }));
        let standing = open.desk.standing(contact).await.unwrap();
        assert_eq!((standing.state, standing.position), (ContactState::Waiting, Some(1)));
        assert!(open.desk.explain(contact).await.is_some());
        open.close().await;
    }
}
