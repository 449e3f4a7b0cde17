//! One call: its state, what the program wants of it, and what comes from the far side. Each call runs as a
//! task of its own; only this file and `session` change its state.

use std::sync::Arc;

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TerminatedReason};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Request, Response, StatusCode};
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use tokio::sync::mpsc;

use super::handle::Core;
use super::peers::Slot;
use super::session::{FarOffer, Own, OwnResult};
use super::stack::Stack;
use super::timer::{self, Agreed, Expires, Said};
use super::wire::ALLOW;
use super::{CallId, EndCause, HangUp, TrunkEvent};
use crate::kernel::time::{Millis, Timestamp};

/// A call that the program neither answers nor refuses for so long is refused with 480.
const UNANSWERED_LIMIT: Millis = Millis::from_secs(300);
/// RFC 3261 §13.3.1.1: a provisional response is repeated each minute, or proxies give the call up.
const RING_AGAIN: Millis = Millis::from_secs(60);
/// At the end of the program a goodbye waits no longer than this for its answer.
const GOODBYE_LIMIT: std::time::Duration = std::time::Duration::from_secs(3);
pub(super) const SDP: &str = "application/sdp";

/// What the program says about a call.
#[derive(Debug)]
pub(super) enum Command {
    Ring(Option<String>),
    Answer(String),
    Refuse(u16, Option<u32>),
    HangUp(HangUp),
    Reoffer(String),
    AnswerReoffer(Result<String, u16>),
    /// The program ends.
    Stop,
}

/// What the call's own helpers report.
pub(super) enum Report {
    /// The last response to the INVITE we sent; `None` when there was none.
    Final(Option<Response>),
    /// The answer to a request of ours inside the call.
    Own(OwnResult),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not answered yet.
    Early,
    /// Answered by us, ACK not seen.
    Answering,
    Up,
    Over,
}

/// Which side called, with what only that side needs.
pub(super) enum Side {
    Incoming {
        invite: Box<Request>,
        transaction: TransactionEventSender,
        /// What the 2xx will say about the session timer.
        session: (Expires, Agreed),
        late_offer: bool,
    },
    Outgoing,
}

pub(super) struct Call {
    pub id: CallId,
    pub core: Arc<Core>,
    pub stack: Stack,
    pub dialog: InviteDialog,
    pub side: Side,
    pub phase: Phase,
    pub session: Option<Agreed>,
    /// The interval we ask for, raised when the far side wants a longer one.
    pub interval_secs: u32,
    /// The longest Min-SE the far side has shown.
    pub min_seen: u32,
    /// Whether the far side takes UPDATE (its Allow).
    pub far_updates: bool,
    pub local_sdp: Option<String>,
    pub remote_sdp: Option<String>,
    pub far_offer: Option<FarOffer>,
    /// Our answer to a re-INVITE without SDP was an offer; its ACK brings the answer.
    pub late_reoffer: bool,
    pub own: Option<Own>,
    /// A re-offer that waits its turn.
    pub waiting: Option<String>,
    /// Not before then: our next try to refresh.
    pub rest_until: Option<Timestamp>,
    pub reports: mpsc::UnboundedSender<Report>,
    early: Option<Option<String>>,
    began: Timestamp,
    ring_at: Option<Timestamp>,
    hang_up_later: Option<HangUp>,
    too_small: Option<u32>,
    slot: Arc<Slot>,
}

/// What is needed to begin.
pub(super) struct Opening {
    pub id: CallId,
    pub core: Arc<Core>,
    pub stack: Stack,
    pub dialog: InviteDialog,
    pub side: Side,
    pub slot: Arc<Slot>,
    pub reports: mpsc::UnboundedSender<Report>,
}

impl Call {
    pub fn new(opening: Opening) -> Self {
        let Opening { id, core, stack, dialog, side, slot, reports } = opening;
        let began = core.clock.now();
        let interval_secs = core.config.session.default_secs;
        Self {
            id,
            core,
            stack,
            dialog,
            side,
            phase: Phase::Early,
            session: None,
            interval_secs,
            min_seen: 0,
            far_updates: false,
            local_sdp: None,
            remote_sdp: None,
            far_offer: None,
            late_reoffer: false,
            own: None,
            waiting: None,
            rest_until: None,
            reports,
            early: None,
            began,
            ring_at: None,
            hang_up_later: None,
            too_small: None,
            slot,
        }
    }

    /// Runs until the call is over. Gives the far side's Min-SE when it refused our INVITE for it (422), so
    /// that the INVITE can be made again.
    pub async fn run(
        mut self,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        states: &mut DialogStateReceiver,
        reports: &mut mpsc::UnboundedReceiver<Report>,
    ) -> Option<u32> {
        while self.phase != Phase::Over {
            let due = self.due();
            let clock = self.core.clock.clone();
            tokio::select! {
                Some(command) = commands.recv() => self.obey(command).await,
                Some(state) = states.recv() => self.follow(state).await,
                Some(report) = reports.recv() => match report {
                    Report::Final(response) => self.concluded(response).await,
                    Report::Own(result) => self.own_answered(result).await,
                },
                () = clock.sleep_until(due) => self.tick().await,
            }
        }
        if self.too_small.is_none() {
            self.core.close_call(self.id);
        }
        self.too_small
    }

    fn incoming(&self) -> bool {
        matches!(self.side, Side::Incoming { .. })
    }

    fn due(&self) -> Timestamp {
        let never = Timestamp(i64::MAX);
        let early = (self.phase == Phase::Early && self.incoming()).then(|| {
            let unanswered = self.began + UNANSWERED_LIMIT;
            self.ring_at.map_or(unanswered, |at| at.min(unanswered))
        });
        let offer = self.far_offer.as_ref().map(|o| o.until);
        let session = self.session.filter(|_| self.phase == Phase::Up).map(|agreed| {
            if self.own.is_some() {
                agreed.end()
            } else {
                self.rest_until.unwrap_or(agreed.due()).min(agreed.end())
            }
        });
        let retry = self.own.as_ref().filter(|_| self.far_offer.is_none()).and_then(|own| own.again_at);
        [early, offer, session, retry].into_iter().flatten().min().unwrap_or(never)
    }

    async fn tick(&mut self) {
        let now = self.core.clock.now();
        if self.phase == Phase::Early && self.incoming() {
            if now >= self.began + UNANSWERED_LIMIT {
                self.reject(480, None);
                self.end(EndCause::NotAnswered).await;
            } else if self.ring_at.is_some_and(|at| now >= at) {
                self.ring(self.early.clone().flatten());
            }
        }
        self.session_tick(now).await;
    }

    async fn obey(&mut self, command: Command) {
        match (command, self.phase) {
            (Command::Ring(early), Phase::Early) if self.incoming() => self.ring(early),
            (Command::Answer(sdp), Phase::Early) if self.incoming() => self.answer(sdp),
            (Command::Refuse(code, retry_after), Phase::Early) if self.incoming() => {
                self.reject(code, retry_after);
                self.end(EndCause::Ours).await;
            }
            (Command::HangUp(why), _) => self.hang_up(why, 480).await,
            (Command::Stop, _) => self.hang_up(HangUp::Normal, 503).await,
            (Command::Reoffer(sdp), Phase::Answering | Phase::Up) => {
                self.waiting = Some(sdp);
                self.next_own();
            }
            (Command::AnswerReoffer(answer), Phase::Up) => self.answer_far(answer).await,
            // Too late or too early: the events say where the call stands.
            _ => {}
        }
    }

    fn ring(&mut self, early: Option<String>) {
        let mut headers = vec![Header::Allow(ALLOW.into())];
        if early.is_some() {
            headers.push(Header::ContentType(SDP.into()));
        }
        let body = early.clone().map(String::into_bytes);
        // When the transaction is gone the call is ending, and the dialog says so.
        let _ = self.dialog.ringing(Some(headers), body);
        self.early = Some(early);
        self.ring_at = Some(self.core.clock.now() + RING_AGAIN);
    }

    fn answer(&mut self, sdp: String) {
        let Side::Incoming { session: (expires, agreed), .. } = &self.side else { return };
        let mut headers = session_headers(*expires);
        headers.push(Header::ContentType(SDP.into()));
        self.session = Some(*agreed);
        let _ = self.dialog.accept(Some(headers), Some(sdp.clone().into_bytes()));
        self.local_sdp = Some(sdp);
        self.phase = Phase::Answering;
    }

    /// Sends a final refusal. The stack's own way knows no Retry-After, so the response is built here; what
    /// the stack sends after it is the same refusal again, and dropped by the transaction.
    fn reject(&self, code: u16, retry_after: Option<u32>) {
        let Side::Incoming { invite, transaction, .. } = &self.side else { return };
        if let Some(secs) = retry_after {
            let mut response = self.stack.endpoint.make_response(invite, StatusCode::from(code), None);
            let tag = self.dialog.id().local_tag;
            if let Ok(to) = response.to_header() {
                let to = to.clone().with_tag(tag.into());
                response.headers.unique_push(Header::To(to));
            }
            response.headers.push(Header::RetryAfter(secs.to_string().into()));
            let _ = transaction.send(TransactionEvent::Respond(response));
        }
        let _ = self.dialog.reject(Some(StatusCode::from(code)), None);
    }

    async fn hang_up(&mut self, why: HangUp, refusal: u16) {
        match self.phase {
            Phase::Early if self.incoming() => self.reject(refusal, None),
            Phase::Early => self.cancel(),
            // RFC 3261 §15: no BYE before the ACK. It comes, or the stack gives up and says BYE itself.
            Phase::Answering if refusal != 503 => {
                self.hang_up_later = Some(why);
                return;
            }
            Phase::Answering | Phase::Up => self.bye(why),
            Phase::Over => return,
        }
        self.end(EndCause::Ours).await;
    }

    fn cancel(&self) {
        let dialog = self.dialog.clone();
        self.core.spawn(async move {
            // Without an answer to CANCEL the INVITE runs out by itself.
            let _ = dialog.cancel().await;
        });
    }

    /// Sends BYE and forgets the dialog once that is settled, which can take 64*T1.
    pub fn bye(&self, why: HangUp) {
        let reason = match why {
            HangUp::Normal => "Q.850;cause=16;text=\"Normal clearing\"",
            HangUp::NoAnswer => "Q.850;cause=19;text=\"No answer\"",
            HangUp::Failure => "Q.850;cause=41;text=\"Temporary failure\"",
        };
        let (dialog, dialogs) = (self.dialog.clone(), Arc::clone(&self.stack.dialogs));
        let lifecycle = self.core.lifecycle.clone();
        self.core.spawn(async move {
            let bye = dialog.bye_with_headers(Some(vec![Header::Reason(reason.into())]));
            let hurry = async {
                lifecycle.stopping().await;
                tokio::time::sleep(GOODBYE_LIMIT).await;
            };
            tokio::select! {
                // The far side may be gone; the call is over either way.
                _ = bye => {}
                () = hurry => {}
            }
            dialogs.remove_dialog(&dialog.id());
        });
    }

    /// Tells the program, once, that the call is over.
    pub async fn end(&mut self, cause: EndCause) {
        self.finish(TrunkEvent::Ended { call: self.id, cause }).await;
    }

    async fn finish(&mut self, event: TrunkEvent) {
        if self.phase == Phase::Over {
            return;
        }
        self.phase = Phase::Over;
        self.core.close_call(self.id);
        self.slot.release();
        self.core.tell(event).await;
    }

    async fn follow(&mut self, state: DialogState) {
        match state {
            DialogState::Early(_, response) if self.phase == Phase::Early && !self.incoming() => {
                let sdp = body_of(&response.body);
                let code = response.status_code.code();
                if sdp.is_some() {
                    self.remote_sdp.clone_from(&sdp);
                }
                self.core.tell(TrunkEvent::Progress { call: self.id, code, sdp }).await;
            }
            DialogState::Confirmed(_, response) => self.confirmed(&response).await,
            DialogState::Updated(_, request, handle) => self.far_offered(&request, handle).await,
            DialogState::Info(_, request, handle) => {
                let _ = handle.respond(StatusCode::OK, None, None).await;
                let content_type = request.header_value("content-type").unwrap_or_default();
                let body = String::from_utf8_lossy(&request.body).into_owned();
                self.core.tell(TrunkEvent::Info { call: self.id, content_type, body }).await;
            }
            DialogState::Options(_, _, handle) => {
                let headers = vec![Header::Allow(ALLOW.into()), Header::Accept(SDP.into())];
                let _ = handle.respond(StatusCode::OK, Some(headers), None).await;
            }
            DialogState::Terminated(id, reason) => {
                // How a call that we dial ends before its answer is told by its last response.
                if self.phase == Phase::Early && !self.incoming() {
                    return;
                }
                self.stack.dialogs.remove_dialog(&id);
                let event = match reason {
                    TerminatedReason::UacCancel => TrunkEvent::Cancelled { call: self.id },
                    reason => {
                        TrunkEvent::Ended { call: self.id, cause: cause_of(&reason, self.hang_up_later) }
                    }
                };
                self.finish(event).await;
            }
            _ => {}
        }
    }

    async fn confirmed(&mut self, response: &Response) {
        match (self.phase, &self.side) {
            (Phase::Answering, Side::Incoming { late_offer, .. }) => {
                let answer = late_offer.then(|| self.acked()).flatten();
                self.phase = Phase::Up;
                self.touch();
                if answer.is_some() {
                    self.remote_sdp.clone_from(&answer);
                }
                if let Some(why) = self.hang_up_later {
                    return self.hang_up(why, 480).await;
                }
                self.core.tell(TrunkEvent::Acknowledged { call: self.id, answer }).await;
                self.next_own();
            }
            (Phase::Early, Side::Outgoing) => self.answered(response).await,
            (Phase::Up, _) if self.late_reoffer => {
                self.late_reoffer = false;
                let answer = self.acked();
                if answer.is_some() {
                    self.remote_sdp.clone_from(&answer);
                }
                self.core.tell(TrunkEvent::Acknowledged { call: self.id, answer }).await;
            }
            _ => {}
        }
    }

    fn acked(&self) -> Option<String> {
        self.dialog.last_remote_ack().and_then(|ack| body_of(&ack.body))
    }

    async fn answered(&mut self, response: &Response) {
        self.phase = Phase::Up;
        self.far_updates = allows_update(response);
        self.session = timer::as_uac(said(response), self.core.clock.now());
        // A 2xx may leave the answer out that a 183 already gave.
        let Some(sdp) = body_of(&response.body).or_else(|| self.remote_sdp.clone()) else {
            self.bye(HangUp::Failure);
            let reason = "answered without SDP".to_owned();
            return self.finish(TrunkEvent::Refused { call: self.id, code: 488, reason }).await;
        };
        self.remote_sdp = Some(sdp.clone());
        self.core.tell(TrunkEvent::Answered { call: self.id, sdp }).await;
    }

    /// The INVITE we sent has its last response. A 2xx was already told by [`Call::confirmed`].
    async fn concluded(&mut self, response: Option<Response>) {
        if self.phase != Phase::Early {
            return;
        }
        let Some(response) = response else {
            let reason = "no way to the far side".to_owned();
            return self.finish(TrunkEvent::Refused { call: self.id, code: 503, reason }).await;
        };
        let code = response.status_code.code();
        if (200..300).contains(&code) {
            // The dialog tells of it by its own way, which may come after this one.
            return;
        }
        if let Some(min) = said(&response).min_secs.filter(|min| code == 422 && *min > self.interval_secs) {
            self.too_small = Some(min);
            self.phase = Phase::Over;
            return;
        }
        let reason = response.wire_reason.unwrap_or_else(|| response.status_code.text().to_owned());
        self.finish(TrunkEvent::Refused { call: self.id, code, reason }).await;
    }
}

fn cause_of(reason: &TerminatedReason, wanted: Option<HangUp>) -> EndCause {
    match reason {
        _ if wanted.is_some() => EndCause::Ours,
        TerminatedReason::Timeout => EndCause::NoAck,
        TerminatedReason::UacBye | TerminatedReason::UasBye => EndCause::Far,
        _ => EndCause::Lost,
    }
}

/// A body as SDP text; `None` when there is none.
pub(super) fn body_of(body: &[u8]) -> Option<String> {
    (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned())
}

/// What a message says about session timers.
pub(super) fn said(of: &impl HeadersExt) -> Said {
    let min = of.header_value("min-se");
    Said {
        expires: of.session_expires_header().and_then(|h| Expires::parse(h.value())),
        min_secs: min.and_then(|v| v.split(';').next()?.trim().parse().ok()),
        supported: of.header_contains_token("Supported", "timer")
            || of.header_contains_token("Require", "timer"),
    }
}

pub(super) fn allows_update(of: &impl HeadersExt) -> bool {
    of.header_value("allow").is_some_and(|v| v.split(',').any(|m| m.trim().eq_ignore_ascii_case("UPDATE")))
}

/// The headers of a 2xx (RFC 4028 §9): Require when the far side has to refresh.
pub(super) fn session_headers(expires: Expires) -> Vec<Header> {
    let mut headers = vec![
        Header::Allow(ALLOW.into()),
        Header::Supported("timer".into()),
        Header::SessionExpires(expires.value().into()),
    ];
    if expires.refresher == Some(timer::Refresher::Uac) {
        headers.push(Header::Require("timer".into()));
    }
    headers
}
