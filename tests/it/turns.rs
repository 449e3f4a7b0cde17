//! The turns that a contact's life can take: given up, handed on, corrected, closed out; the supervisor's
//! hand.

use madoguchi::desk::events::Event;
use madoguchi::desk::protocol::{ClientCommand, TransferTo};
use madoguchi::desk::settings::DeskSettings;
use madoguchi::desk::watch::Signal;
use madoguchi::desk::words::EndedBy;
use madoguchi::desk::{Correction, Desk};
use madoguchi::kernel::bus::Notice;
use madoguchi::kernel::ids::{AccountId, ContactId};
use madoguchi::kernel::time::Millis;
use madoguchi::on_db;
use madoguchi::routing::{AgentState, Channel, ContactState, DivertReason, OfferEnd, Outcome, RequeueReason};

use crate::both_databases;
use crate::support::house::{Follow, House};

/// A contact that is in talk with the third agent.
async fn talk(house: &House, desk: &Desk) -> (ContactId, AccountId) {
    let contact = desk.arrive(house.arrival("vi")).await.expect("placed").contact;
    let (offer, agent) = house.ringing(contact).await;
    house.say(desk, agent, ClientCommand::Accept { offer }).await.expect("accepted");
    (contact, agent)
}

both_databases! {
    async fn an_inquirer_gives_up_while_it_rings(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        open.desk.inquirer_ends(contact).await.expect("given up");
        assert_eq!(
            house.story(contact).await,
            ["contact_arrived", "offer_made", "offer_ended", "contact_ended", "contact_closed"]
        );
        let ended = house.events().await.into_iter().find(|e| e.event.kind() == "contact_ended").unwrap();
        assert_eq!(ended.event, Event::ContactEnded { by: EndedBy::Visitor, outcome: Outcome::Abandoned });
        assert_eq!(open.desk.inquirer_ends(contact).await.unwrap_err().code, "closed");
        open.close().await;
    }

    async fn a_talk_is_handed_to_another_agent(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        let desk = &open.desk;
        house.sign_in(desk, house.agents[2]).await;
        let (contact, from) = talk(&house, desk).await;
        house.sign_in(desk, house.agents[0]).await;
        let to = TransferTo::Agent { agent: house.agents[0] };
        let foreign = house.say(desk, house.agents[0], ClientCommand::Transfer { contact, to }).await;
        assert_eq!(foreign.unwrap_err().code, "not_your_contact");
        house.say(desk, from, ClientCommand::Transfer { contact, to }).await.expect("handed on");
        let (offer, agent) = house.ringing(contact).await;
        assert_eq!(agent, house.agents[0]);
        house.say(desk, agent, ClientCommand::Accept { offer }).await.expect("accepted");
        assert_eq!(house.column(contact, "agent_id").await, Some(agent.to_string()));

        let nowhere = TransferTo::Desk { desk: house.companies };
        house.clock.advance(Millis::from_mins(7 * 60));
        let closed = house.say(desk, agent, ClientCommand::Transfer { contact, to: nowhere }).await;
        assert_eq!(closed.unwrap_err().code, "transfer_desk_closed");
        open.close().await;
    }

    async fn a_transfer_to_a_desk_moves_the_contact_there(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let (contact, agent) = talk(&house, &open.desk).await;
        let to = TransferTo::Desk { desk: house.companies };
        house.say(&open.desk, agent, ClientCommand::Transfer { contact, to }).await.expect("handed on");
        assert_eq!(house.column(contact, "desk_id").await, Some(house.companies.to_string()));
        let moved = house.events().await.into_iter().find(|e| e.event.kind() == "contact_requeued").unwrap();
        let Event::ContactRequeued { reason, desk, .. } = moved.event else { panic!() };
        assert_eq!((reason, desk), (RequeueReason::Transferred, Some(house.companies)));
        open.close().await;
    }

    async fn a_supervisor_assigns_pulls_back_and_sets_states(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        let desk = &open.desk;
        // Speaks no Vietnamese: only a supervisor would give it this contact.
        house.sign_in(desk, house.agents[1]).await;
        let contact = desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let assign = ClientCommand::Assign { contact, agent: house.agents[1] };
        assert_eq!(house.say(desk, house.agents[1], assign.clone()).await.unwrap_err().code, "forbidden");
        house.say(desk, house.supervisor, assign).await.expect("assigned");
        let (offer, agent) = house.ringing(contact).await;
        assert_eq!(agent, house.agents[1]);
        house.say(desk, agent, ClientCommand::Accept { offer }).await.expect("accepted");
        house.say(desk, house.supervisor, ClientCommand::PullBack { contact }).await.expect("pulled back");
        assert_eq!(house.column(contact, "agent_id").await, None);
        assert_eq!(desk.standing(contact).await.unwrap().state, ContactState::Waiting);
        let state = AgentState::Offline;
        let force = ClientCommand::ForceState { agent, state, reason: None };
        house.say(desk, house.supervisor, force).await.expect("forced");
        let assign = ClientCommand::Assign { contact, agent };
        assert_eq!(house.say(desk, house.supervisor, assign).await.unwrap_err().code, "agent_not_ready");
        open.close().await;
    }

    async fn of_two_simultaneous_acceptances_one_wins(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let (offer, agent) = house.ringing(contact).await;
        let accept = || house.say(&open.desk, agent, ClientCommand::Accept { offer });
        let (one, two) = tokio::join!(accept(), accept());
        let refused: Vec<_> = [one, two].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.iter().map(|p| p.code).collect::<Vec<_>>(), ["offer_over"]);
        let taken = house.story(contact).await.iter().filter(|kind| **kind == "contact_accepted").count();
        assert_eq!(taken, 1);
        open.close().await;
    }

    async fn the_store_decides_who_owns_a_contact(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let (offer, agent) = house.ringing(contact).await;
        let elsewhere = "UPDATE contacts SET state = $1 WHERE id = $2";
        house.change(elsewhere, "active".to_owned(), contact.to_string()).await;
        let lost = house.say(&open.desk, agent, ClientCommand::Accept { offer }).await;
        assert_eq!(lost.unwrap_err().code, "offer_over");
        let events = house.events().await;
        assert!(events.iter().any(|e| matches!(e.event,
            Event::OfferEnded { reason: OfferEnd::ClaimLost, .. })));
        assert!(!house.story(contact).await.contains(&"contact_accepted"));
        open.close().await;
    }

    async fn a_closing_desk_tells_those_who_wait(db: Db) {
        let house = House::new(db).await;
        house.clock.advance(Millis::from_mins(7 * 60 - 1));
        let open = house.open().await;
        let desk = &open.desk;
        let mut follow = Follow::new(desk, house.pool);
        house.sign_in(desk, house.agents[1]).await;
        let mut arrival = house.arrival("ja");
        arrival.desk = house.companies;
        let talking = desk.arrive(arrival.clone()).await.unwrap().contact;
        let (offer, agent) = house.ringing(talking).await;
        house.say(desk, agent, ClientCommand::Accept { offer }).await.unwrap();
        arrival.contact = house.arrival("ja").contact;
        let waiting = desk.arrive(arrival.clone()).await.unwrap();
        assert_eq!(desk.standing(waiting.contact).await.unwrap().position, Some(1));
        assert!(desk.door(house.companies, Channel::Chat, Vec::new()).await.unwrap().open);

        house.clock.advance(Millis::from_mins(1));
        follow.until("desk_closed").await;
        let told = follow.until("contact_diverted").await;
        assert_eq!(told.contact, Some(waiting.contact));
        assert_eq!(told.event, Event::ContactDiverted { reason: DivertReason::DeskClosed });
        follow.until("contact_closed").await;
        assert!(desk.standing(talking).await.is_some(), "talks go on");
        assert!(reply_waiting(&house, waiting.ticket.unwrap().to_string()).await);

        let door = desk.door(house.companies, Channel::Chat, Vec::new()).await.unwrap();
        assert!(!door.open && door.opens_at.is_some());
        arrival.contact = house.arrival("ja").contact;
        assert_eq!(desk.arrive(arrival.clone()).await.unwrap_err().code, "desk_closed");
        let left = desk.leave(arrival.clone()).await.expect("a message can be left at any time");
        let story = house.story(left.contact).await;
        assert_eq!(story, ["contact_arrived", "contact_diverted", "contact_closed"]);
        assert_eq!(house.column(left.contact, "outcome").await.as_deref(), Some("diverted"));
        assert!(reply_waiting(&house, left.ticket.unwrap().to_string()).await);
        open.close().await;
    }

    async fn an_inquirer_tired_of_waiting_leaves_a_message(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        open.desk.inquirer_diverts(contact).await.expect("diverted");
        assert_eq!(house.story(contact).await, ["contact_arrived", "contact_diverted", "contact_closed"]);
        assert_eq!(open.desk.inquirer_diverts(contact).await.unwrap_err().code, "closed");
        let mut wrong = house.arrival("vi");
        wrong.channel = Channel::Phone;
        assert_eq!(open.desk.arrive(wrong).await.unwrap_err().code, "channel_closed");
        open.close().await;
    }

    async fn a_corrected_language_changes_who_is_asked(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[1]).await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let to = |language: &str| Correction { language: Some(language.to_owned()), ..Correction::default() };
        assert_eq!(open.desk.correct(contact, to("?")).await.unwrap_err().code, "invalid_input");
        open.desk.correct(contact, to("vi")).await.expect("nothing to do");
        open.desk.correct(contact, to("ja-x-easy")).await.expect("corrected");
        assert_eq!(house.story(contact).await, ["contact_arrived", "contact_corrected", "offer_made"]);
        assert_eq!(house.ringing(contact).await.1, house.agents[1]);
        open.close().await;
    }

    async fn whoever_comes_back_meets_the_same_agent(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let first = open.desk.arrive(house.arrival("vi")).await.unwrap();
        let (contact, (offer, agent)) = (first.contact, house.ringing(first.contact).await);
        house.say(&open.desk, agent, ClientCommand::Accept { offer }).await.unwrap();
        house.sign_in(&open.desk, house.agents[0]).await;
        house.clock.advance(Millis::from_secs(30));
        house.say(&open.desk, agent, ClientCommand::End { contact }).await.unwrap();
        house.say(&open.desk, agent, ClientCommand::WrapUpDone { contact }).await.unwrap();
        let mut again = house.arrival("vi");
        again.resumes = first.ticket;
        let second = open.desk.arrive(again).await.unwrap().contact;
        assert_eq!(house.ringing(second).await.1, agent, "although another is idle for longer");
        open.close().await;
    }

    async fn changed_settings_hold_from_the_next_request_on(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        house.sign_in(&open.desk, house.agents[2]).await;
        let mut settings = DeskSettings::default();
        settings.routing.offer_ttl = Millis::from_mins(2);
        let json = serde_json::to_string(&settings).unwrap();
        house.change("UPDATE desks SET settings = $1 WHERE id = $2", json, house.workers.to_string()).await;
        let contact = open.desk.arrive(house.arrival("vi")).await.unwrap().contact;
        let (offer, agent) = house.ringing(contact).await;
        let record = open.desk.offer(offer).await.unwrap().unwrap();
        assert_eq!(record.expires_at, house.clock.now() + Millis::from_mins(2));

        house.say(&open.desk, agent, ClientCommand::Accept { offer }).await.unwrap();
        let other_work = "UPDATE accounts SET role = $1 WHERE id = $2";
        house.change(other_work, "officer".to_owned(), agent.to_string()).await;
        house.sign_in(&open.desk, house.agents[1]).await;
        assert_eq!(open.desk.standing(contact).await.unwrap().state, ContactState::Waiting);
        assert!(house.story(contact).await.contains(&"contact_requeued"));
        open.close().await;
    }

    async fn a_watcher_hears_of_its_own_contact(db: Db) {
        let house = House::new(db).await;
        let open = house.open().await;
        let arrival = house.arrival("vi");
        let mut watch = open.desk.watch(arrival.contact);
        let contact = open.desk.arrive(arrival).await.unwrap().contact;
        let Some(Signal::Event(first)) = watch.next().await else { panic!("the arrival comes first") };
        assert_eq!(first.event.kind(), "contact_arrived");
        assert!(matches!(watch.next().await, Some(Signal::Moved)));
        house.db.bus().publish(Notice::Typing { contact, from_agent: true });
        assert!(matches!(watch.next().await, Some(Signal::Typing { from_agent: true })));
        open.close().await;
        assert!(watch.next().await.is_none());
    }
}

async fn reply_waiting(house: &House, ticket: String) -> bool {
    let mut tx = house.db.read().await.unwrap();
    on_db!(tx, |conn| sqlx::query_scalar("SELECT reply_waiting FROM tickets WHERE id = $1")
        .bind(&ticket)
        .fetch_one(conn)
        .await)
    .unwrap()
}
