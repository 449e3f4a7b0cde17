//! The board without people: figures for the office that commissions the desk.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::ids::DeskId;
use crate::kernel::time::{Millis, Timestamp};
use crate::routing::{AgentState, Channel, ContactState};

use super::board::{Board, Quarter, Totals};

/// The board as counts: no ids of contacts or people.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Figures {
    /// When the latest event happened.
    pub at: Timestamp,
    /// The day that `quarters` and `totals` count, `YYYY-MM-DD` in `zone`.
    pub day: String,
    pub zone: String,
    pub service_level_ms: Millis,
    pub target_per_day: i64,
    pub waiting: Vec<WaitingFigure>,
    pub agents: Vec<AgentsInState>,
    pub quarters: Vec<Quarter>,
    pub totals: Totals,
    /// Desks that are open now.
    pub open_desks: Vec<DeskId>,
}

/// Those who wait at a desk for a channel in a language; an offer that rings counts as waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaitingFigure {
    pub desk: DeskId,
    pub channel: Channel,
    /// BCP 47.
    pub language: String,
    pub count: i64,
    /// When the one who waits longest arrived.
    pub oldest: Timestamp,
}

/// How many agents are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentsInState {
    pub state: AgentState,
    pub count: i64,
}

impl Figures {
    /// Counts a board.
    #[must_use]
    pub fn of(board: &Board, target_per_day: i64) -> Self {
        Self {
            at: board.at,
            day: board.day.clone(),
            zone: board.zone.clone(),
            service_level_ms: board.service_level_ms,
            target_per_day,
            waiting: waiting(board),
            agents: agents(board),
            quarters: board.quarters.values().cloned().collect(),
            totals: board.totals.clone(),
            open_desks: board.open_desks.iter().copied().collect(),
        }
    }
}

fn waiting(board: &Board) -> Vec<WaitingFigure> {
    let mut groups: BTreeMap<(DeskId, Channel, &str), (i64, Timestamp)> = BTreeMap::new();
    for contact in board.contacts.values() {
        if matches!(contact.state, ContactState::Waiting | ContactState::Offered) {
            let group = groups
                .entry((contact.desk, contact.channel, contact.language.as_str()))
                .or_insert((0, contact.arrived_at));
            *group = (group.0 + 1, group.1.min(contact.arrived_at));
        }
    }
    groups
        .into_iter()
        .map(|((desk, channel, language), (count, oldest))| WaitingFigure {
            desk,
            channel,
            language: language.to_owned(),
            count,
            oldest,
        })
        .collect()
}

fn agents(board: &Board) -> Vec<AgentsInState> {
    let mut counts: BTreeMap<AgentState, i64> = BTreeMap::new();
    for agent in board.agents.values() {
        *counts.entry(agent.state).or_default() += 1;
    }
    counts.into_iter().map(|(state, count)| AgentsInState { state, count }).collect()
}
