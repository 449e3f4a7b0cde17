//! Desks, the pool's rules and reservations: what an administrator or a calendar tells the engine.

use super::config::DESKS_MAX;
use super::index::Index;
use super::router::{Act, Desk, Router};
use super::timers::TimerKey;
use super::{Channel, DeskConfig, DivertReason, PoolConfig, Rejection, Reservation};
use crate::kernel::ids::{AccountId, ContactId, DeskId, ReservationId};

impl Router {
    pub(super) fn desk_configured(&mut self, id: DeskId, config: DeskConfig) -> Act {
        if config.partner_desks.len() > DESKS_MAX {
            return Err(Rejection::TooMany);
        }
        match self.desks.get_mut(&id) {
            Some(desk) if desk.config == config => return Ok(()),
            Some(desk) => desk.config = config,
            None => {
                self.desks.insert(id, Desk { config, open: false });
            }
        }
        self.rebuild();
        Ok(())
    }

    pub(super) fn desk_removed(&mut self, id: DeskId) -> Act {
        self.desks.remove(&id).ok_or(Rejection::UnknownDesk)?;
        self.rebuild();
        Ok(())
    }

    pub(super) fn pool_configured(&mut self, config: PoolConfig) -> Act {
        if self.pool != config {
            self.pool = config;
            self.rebuild();
        }
        Ok(())
    }

    pub(super) fn desk_opened(&mut self, id: DeskId) -> Act {
        self.desks.get_mut(&id).ok_or(Rejection::UnknownDesk)?.open = true;
        Ok(())
    }

    pub(super) fn desk_closed(&mut self, id: DeskId) -> Act {
        let desk = self.desks.get_mut(&id).ok_or(Rejection::UnknownDesk)?;
        desk.open = false;
        if desk.config.serve_out_at_closing {
            return Ok(());
        }
        let mut waiting = Vec::new();
        for channel in Channel::ALL {
            let line = self.lines.get(&(id, channel));
            waiting.extend(line.into_iter().flatten().map(|rank| rank.contact));
        }
        for contact in waiting {
            self.divert(contact, DivertReason::DeskClosed);
        }
        Ok(())
    }

    /// Files everything anew under changed settings: O(n log n), for an administrator's act.
    fn rebuild(&mut self) {
        let waiting: Vec<ContactId> =
            self.contacts.iter().filter(|(_, c)| c.place().is_some()).map(|(id, _)| *id).collect();
        for contact in &waiting {
            self.unqueue(*contact);
        }
        for agent in self.agents.values_mut() {
            agent.filing = None;
        }
        for ask in self.index.asks.keys() {
            self.timers.cancel(TimerKey::Unstaffed(*ask));
        }
        self.index = Index::new();
        let agents: Vec<AccountId> = self.agents.keys().copied().collect();
        for agent in agents {
            self.refresh_agent(agent);
        }
        let unexplained = std::mem::take(&mut self.unexplained);
        for contact in waiting {
            self.enqueue(contact);
        }
        self.unexplained = unexplained;
    }

    pub(super) fn reservation_upsert(&mut self, reservation: Reservation) -> Act {
        if !self.agents.contains_key(&reservation.agent) {
            return Err(Rejection::UnknownAgent);
        }
        if reservation.ends_at <= reservation.starts_at || reservation.ends_at <= self.now {
            return Err(Rejection::BadTime);
        }
        self.forget_reservation(reservation.reservation);
        let (id, holder, starts_at) = (reservation.reservation, reservation.agent, reservation.starts_at);
        self.reservations.insert(id, reservation);
        if let Some(agent) = self.agents.get_mut(&holder) {
            agent.bookings.insert((starts_at, id));
        }
        self.refresh_agent(holder);
        self.refile_preferring(holder);
        Ok(())
    }

    pub(super) fn reservation_cancelled(&mut self, id: ReservationId) -> Act {
        if !self.reservations.contains_key(&id) {
            return Err(Rejection::UnknownReservation);
        }
        self.forget_reservation(id);
        Ok(())
    }

    /// The reservation holds nobody any more: redeemed, cancelled, over or replaced.
    pub(super) fn forget_reservation(&mut self, id: ReservationId) {
        let Some(reservation) = self.reservations.remove(&id) else { return };
        let holder = reservation.agent;
        if let Some(agent) = self.agents.get_mut(&holder) {
            agent.bookings.remove(&(reservation.starts_at, id));
            if agent.bookings.is_empty() {
                self.timers.cancel(TimerKey::Booking(holder));
            }
        }
        self.refresh_agent(holder);
        self.refile_preferring(holder);
    }

    /// The agent's next reservation has come nearer or is over.
    pub(super) fn booking_moved(&mut self, id: AccountId) {
        let now = self.now;
        let Some(agent) = self.agents.get(&id) else { return };
        let over =
            agent.bookings.iter().filter_map(|(_, r)| self.reservations.get(r)).filter(|r| r.ends_at <= now);
        let over: Vec<ReservationId> = over.map(|r| r.reservation).collect();
        for reservation in over {
            self.forget_reservation(reservation);
        }
        self.refresh_agent(id);
    }
}
