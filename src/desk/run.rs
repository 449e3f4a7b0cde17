//! One unit of work of a pool: time, settings, doors and connections first, then what was asked for.

use std::collections::BTreeSet;

use crate::kernel::db::{DbError, Tx};
use crate::kernel::ids::{AccountId, DeskId};
use crate::kernel::time::Timestamp;
use crate::routing::Input;

use super::acts::{Act, Answer};
use super::engine::{Cause, Engine};
use super::events::Event;
use super::rows;
use super::setup::Setup;

/// What a unit of work brings to the engine.
pub(super) struct Unit {
    pub at: Timestamp,
    /// Settings that were changed.
    pub setup: Option<Setup>,
    /// Agents with an open socket.
    pub connected: BTreeSet<AccountId>,
    pub acts: Vec<Act>,
}

impl Engine {
    /// Does the whole unit; the answers are in the order of the acts.
    ///
    /// # Errors
    /// When the store fails: nothing of the unit is kept, and the engine is lost.
    pub async fn run(&mut self, tx: &mut Tx, unit: Unit) -> Result<Vec<Answer>, DbError> {
        self.now = self.now.max(unit.at);
        // What ran out comes first, so that an act is judged by what is.
        self.step(tx, Input::Tick, Cause::default()).await?;
        if let Some(setup) = unit.setup {
            self.configure(tx, setup).await?;
        }
        self.move_doors(tx).await?;
        self.follow_connections(tx, &unit.connected).await?;
        let mut answers = Vec::with_capacity(unit.acts.len());
        for act in &unit.acts {
            answers.push(self.act(tx, act).await?);
        }
        Ok(answers)
    }

    /// Tells the engine what differs from what it was set up with.
    async fn configure(&mut self, tx: &mut Tx, setup: Setup) -> Result<(), DbError> {
        let mut inputs = Vec::new();
        if setup.pool.routing != self.setup.pool.routing {
            inputs.push(Input::PoolConfigured { config: setup.pool.routing.clone() });
        }
        for (id, desk) in &setup.desks {
            let known = self.setup.desks.get(id).map(|d| &d.settings.routing);
            if known != Some(&desk.settings.routing) {
                let config = Box::new(desk.settings.routing.clone());
                inputs.push(Input::DeskConfigured { desk: *id, config });
            }
        }
        for (id, agent) in &setup.agents {
            if self.setup.agents.get(id) != Some(agent) {
                inputs.push(Input::AgentUpsert(agent.clone()));
            }
        }
        let gone = |id: &DeskId| !setup.desks.contains_key(id);
        let closed: Vec<DeskId> = self.setup.desks.keys().copied().filter(gone).collect();
        let left = |id: &AccountId| !setup.agents.contains_key(id);
        let retired: Vec<AccountId> = self.setup.agents.keys().copied().filter(left).collect();
        self.setup = setup;
        self.next_door = Some(self.now);
        for input in inputs {
            self.step(tx, input, Cause::default()).await?;
        }
        for desk in closed {
            self.log_door(tx, desk, false).await?;
            self.step(tx, Input::DeskRemoved { desk }, Cause::default()).await?;
        }
        for agent in retired {
            self.retire(tx, agent).await?;
        }
        Ok(())
    }

    /// Takes an agent off the pool.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn retire(&mut self, tx: &mut Tx, agent: AccountId) -> Result<(), DbError> {
        if self.known.connected.remove(&agent) {
            self.log(tx, None, &Event::AgentDisconnected { agent, grace_until: None }).await?;
        }
        self.step(tx, Input::AgentRemoved { agent }, Cause::default()).await?;
        rows::retire_agent(tx, self.now, agent).await
    }

    /// Opens and closes desks whose time has come.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn move_doors(&mut self, tx: &mut Tx) -> Result<(), DbError> {
        if self.next_door.is_none_or(|at| at > self.now) {
            return Ok(());
        }
        let doors: Vec<(DeskId, bool)> =
            self.setup.desks.iter().map(|(id, desk)| (*id, desk.calendar.is_open(self.now))).collect();
        for (desk, open) in doors {
            self.log_door(tx, desk, open).await?;
            if self.router.is_open(desk) != open {
                let input = if open { Input::DeskOpened { desk } } else { Input::DeskClosed { desk } };
                self.step(tx, input, Cause::default()).await?;
            }
        }
        self.next_door = self.setup.next_door(self.now);
        Ok(())
    }

    /// Logs the door's state when the log says otherwise.
    async fn log_door(&mut self, tx: &mut Tx, desk: DeskId, open: bool) -> Result<(), DbError> {
        let moved =
            if open { self.known.open_desks.insert(desk) } else { self.known.open_desks.remove(&desk) };
        if !moved {
            return Ok(());
        }
        let event = if open { Event::DeskOpened { desk } } else { Event::DeskClosed { desk } };
        self.log(tx, None, &event).await
    }

    /// Tells the engine whose connection came or went.
    async fn follow_connections(
        &mut self,
        tx: &mut Tx,
        connected: &BTreeSet<AccountId>,
    ) -> Result<(), DbError> {
        let changed: Vec<AccountId> = self.known.connected.symmetric_difference(connected).copied().collect();
        for agent in changed {
            if self.router.agent(agent).is_none() {
                continue;
            }
            if connected.contains(&agent) {
                self.known.connected.insert(agent);
                self.log(tx, None, &Event::AgentConnected { agent }).await?;
                self.step(tx, Input::SocketBack { agent }, Cause::default()).await?;
            } else {
                self.known.connected.remove(&agent);
                self.router.handle(self.now, Input::SocketLost { agent });
                let grace_until = self.router.grace_until(agent);
                self.log(tx, None, &Event::AgentDisconnected { agent, grace_until }).await?;
                self.perform(tx, Cause::default()).await?;
            }
            self.save_agent(tx, agent).await?;
        }
        Ok(())
    }

    /// Writes the agent's row as it stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save_agent(&self, tx: &mut Tx, agent: AccountId) -> Result<(), DbError> {
        let connected = self.known.connected.contains(&agent);
        match self.router.agent(agent) {
            Some(image) => rows::save_agent(tx, self.pool, &image, connected).await,
            None => Ok(()),
        }
    }
}
