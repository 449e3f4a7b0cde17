//! Changes inside a call: offers of the far side, ours, and the refreshes of the session timer.

use rsipstack::dialog::dialog::TransactionHandle;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, Response, StatusCode};

use super::call::{Call, Phase, Report, SDP, allows_update, body_of, said, session_headers};
use super::timer::{self, Agreed, Expires, Refresher};
use super::wire::ALLOW;
use super::{EndCause, HangUp, TrunkEvent};
use crate::kernel::time::{Millis, Timestamp};

/// How often a request that met another one (491) is tried again.
const GLARE_TRIES: u8 = 4;
/// RFC 3261 §14.1: the side that owns the Call-ID waits 2.1 to 4 s after a 491, the other up to 2 s.
const GLARE_OWNER_MS: (i64, u64) = (2100, 1900);
const GLARE_OTHER_MS: (i64, u64) = (0, 2000);
/// After a refresh that failed for a passing reason, the next try.
const REFRESH_REST: Millis = Millis::from_secs(10);
/// RFC 3261 §14.2: Retry-After of the 500 to a second offer is drawn from 0 to 10 s.
const OVERLAP_RETRY_SECS: u64 = 10;

/// An offer of the far side that the program has to answer.
pub(super) struct FarOffer {
    handle: TransactionHandle,
    sdp: Option<String>,
    session: Option<(Expires, Agreed)>,
    pub until: Timestamp,
}

/// A request of ours inside the call that is under way.
pub(super) struct Own {
    kind: OwnKind,
    tries: u8,
    /// Set while it waits to be tried again.
    pub again_at: Option<Timestamp>,
}

#[derive(Clone)]
enum OwnKind {
    /// UPDATE without SDP (RFC 4028 §7.4, RFC 3311).
    Refresh,
    /// re-INVITE with the SDP we already use, where the far side knows no UPDATE.
    RefreshByInvite(String),
    Offer(String),
}

pub(super) struct OwnResult(Option<Response>);

impl Call {
    /// A refresh by either side happened: the interval begins anew.
    pub fn touch(&mut self) {
        let now = self.core.clock.now();
        if let Some(agreed) = &mut self.session {
            agreed.restart(now);
        }
        self.rest_until = None;
    }

    /// re-INVITE (RFC 3261 §14.2) or UPDATE (RFC 3311 §5.2) from the far side.
    pub async fn far_offered(&mut self, request: &Request, handle: TransactionHandle) {
        let says = said(request);
        let sdp = body_of(&request.body);
        let update = request.method == Method::Update;
        if let Some((code, header)) = self.objection(request, sdp.is_some(), update) {
            let _ = handle.respond(StatusCode::from(code), header.map(|h| vec![h]), None).await;
            return;
        }
        let session = if says.supported || says.expires.is_some() {
            match timer::as_uas(says, self.core.wish(), self.core.clock.now()) {
                Ok(session) => Some(session),
                Err(min) => {
                    let headers = vec![Header::MinSE(min.to_string().into())];
                    let _ = handle.respond(StatusCode::SessionIntervalTooSmall, Some(headers), None).await;
                    return;
                }
            }
        } else {
            None
        };
        let same = sdp.is_some() && sdp == self.remote_sdp;
        let until = self.core.clock.now() + Millis::from_secs(i64::from(self.core.config.reoffer_secs));
        let offer = FarOffer { handle, sdp: sdp.clone(), session, until };
        if update && sdp.is_none() {
            return self.accept_far(offer, None).await;
        }
        // Word for word what is in use: nothing changes but the timer, and the program need not know.
        if let Some(ours) = self.local_sdp.clone().filter(|_| same) {
            return self.accept_far(offer, Some(ours)).await;
        }
        self.far_offer = Some(offer);
        self.core.tell(TrunkEvent::Reoffer { call: self.id, sdp }).await;
    }

    /// Why a change by the far side cannot be taken up now.
    fn objection(&self, request: &Request, has_body: bool, update: bool) -> Option<(u16, Option<Header>)> {
        let changes = has_body || !update;
        if self.far_offer.is_some() && changes {
            let secs = self.core.chance.below(OVERLAP_RETRY_SECS + 1);
            return Some((500, Some(Header::RetryAfter(secs.to_string().into()))));
        }
        let busy = self.own.as_ref().is_some_and(|own| own.again_at.is_none() && !own.is_plain_refresh());
        if (busy && changes) || self.phase != Phase::Up {
            return Some((491, None));
        }
        (has_body && !is_sdp(request)).then(|| (415, Some(Header::Accept(SDP.into()))))
    }

    async fn accept_far(&mut self, offer: FarOffer, sdp: Option<String>) {
        let mut headers = match offer.session {
            Some((expires, agreed)) => {
                self.session = Some(agreed);
                session_headers(expires)
            }
            None => vec![Header::Allow(ALLOW.into()), Header::Supported("timer".into())],
        };
        self.touch();
        if sdp.is_some() {
            headers.push(Header::ContentType(SDP.into()));
        }
        let body = sdp.map(String::into_bytes);
        // The transaction may have run out: then the far side asks again.
        let _ = offer.handle.respond(StatusCode::OK, Some(headers), body).await;
    }

    /// The program's word on [`TrunkEvent::Reoffer`].
    pub async fn answer_far(&mut self, answer: Result<String, u16>) {
        let Some(offer) = self.far_offer.take() else { return };
        match answer {
            Ok(sdp) => {
                self.local_sdp = Some(sdp.clone());
                if offer.sdp.is_some() {
                    self.remote_sdp.clone_from(&offer.sdp);
                } else {
                    self.late_reoffer = true;
                }
                self.accept_far(offer, Some(sdp)).await;
            }
            Err(code) => {
                let _ = offer.handle.respond(StatusCode::from(code), None, None).await;
            }
        }
        self.next_own();
    }

    /// Sends what waited, when nothing else is under way.
    pub fn next_own(&mut self) {
        let free = self.phase == Phase::Up && self.own.is_none() && self.far_offer.is_none();
        if let Some(sdp) = self.waiting.take_if(|_| free) {
            self.send_own(OwnKind::Offer(sdp), 0);
        }
    }

    fn send_own(&mut self, kind: OwnKind, tries: u8) {
        let mut headers = vec![Header::Allow(ALLOW.into()), Header::Supported("timer".into())];
        let secs = self.session.map_or(self.interval_secs, |s| s.secs).max(self.floor());
        if self.session.is_some() {
            // RFC 4028 §7.4: the refresher stays the same; who sends the request is its uac.
            let ours = self.session.is_some_and(|s| s.ours);
            let refresher = Some(if ours { Refresher::Uac } else { Refresher::Uas });
            headers.push(Header::SessionExpires(Expires { secs, refresher }.value().into()));
            headers.push(Header::MinSE(self.floor().to_string().into()));
        }
        let (dialog, reports) = (self.dialog.clone(), self.reports.clone());
        let body = match &kind {
            OwnKind::Refresh => None,
            OwnKind::RefreshByInvite(sdp) | OwnKind::Offer(sdp) => {
                headers.push(Header::ContentType(SDP.into()));
                Some(sdp.clone().into_bytes())
            }
        };
        self.own = Some(Own { kind, tries, again_at: None });
        self.core.spawn_aside(async move {
            let response = match body {
                None => dialog.update(Some(headers), None).await,
                body => dialog.reinvite(Some(headers), body).await,
            };
            // The call may be over meanwhile.
            let _ = reports.send(Report::Own(OwnResult(response.ok().flatten())));
        });
    }

    fn floor(&self) -> u32 {
        self.core.config.session.min_secs.max(self.min_seen)
    }

    pub async fn own_answered(&mut self, OwnResult(response): OwnResult) {
        let Some(own) = self.own.take().filter(|_| self.phase == Phase::Up) else { return };
        // RFC 3261 §12.2.1.2: no answer at all is 408, and both 408 and 481 end the call.
        let code = response.as_ref().map_or(408, |r| r.status_code.code());
        match (code, response) {
            (200..=299, Some(response)) => self.own_accepted(own.kind, &response).await,
            (491, _) if own.tries < GLARE_TRIES => {
                let owner = !matches!(self.side, super::call::Side::Incoming { .. });
                let (least, spread) = if owner { GLARE_OWNER_MS } else { GLARE_OTHER_MS };
                let drawn = i64::try_from(self.core.chance.below(spread)).unwrap_or_default();
                let again_at = Some(self.core.clock.now() + Millis(least + drawn));
                self.own = Some(Own { tries: own.tries + 1, again_at, ..own });
            }
            (422, Some(response)) if own.tries == 0 && said(&response).min_secs > Some(self.floor()) => {
                self.min_seen = said(&response).min_secs.unwrap_or_default();
                if let Some(agreed) = &mut self.session {
                    agreed.secs = agreed.secs.max(self.min_seen);
                }
                self.send_own(own.kind, 1);
            }
            (408 | 481, _) => {
                self.bye(HangUp::Failure);
                let refresh = code == 408 && !matches!(own.kind, OwnKind::Offer(_));
                self.end(if refresh { EndCause::SessionExpired } else { EndCause::Lost }).await;
            }
            (405 | 501, _) if matches!(own.kind, OwnKind::Refresh) => {
                self.far_updates = false;
                self.refresh();
            }
            (_, _) => match own.kind {
                OwnKind::Offer(_) => {
                    self.core.tell(TrunkEvent::ReofferRefused { call: self.id, code }).await;
                    self.next_own();
                }
                OwnKind::Refresh | OwnKind::RefreshByInvite(_) => {
                    self.rest_until = Some(self.core.clock.now() + REFRESH_REST);
                    self.next_own();
                }
            },
        }
    }

    async fn own_accepted(&mut self, kind: OwnKind, response: &Response) {
        self.rest_until = None;
        if response.header_value("allow").is_some() {
            self.far_updates = allows_update(response);
        }
        self.session = timer::as_uac(said(response), self.core.clock.now());
        let answer = body_of(&response.body);
        let changed = answer.is_some() && answer != self.remote_sdp;
        if changed {
            self.remote_sdp.clone_from(&answer);
        }
        match (kind, answer) {
            (OwnKind::Offer(ours), Some(sdp)) => {
                self.local_sdp = Some(ours);
                self.core.tell(TrunkEvent::ReofferAnswered { call: self.id, sdp }).await;
            }
            (OwnKind::RefreshByInvite(_), Some(sdp)) if changed => {
                self.core.tell(TrunkEvent::ReofferAnswered { call: self.id, sdp }).await;
            }
            (OwnKind::Offer(_), None) => {
                self.core.tell(TrunkEvent::ReofferRefused { call: self.id, code: 488 }).await;
            }
            _ => {}
        }
        self.next_own();
    }

    fn refresh(&mut self) {
        let kind = match &self.local_sdp {
            Some(sdp) if !self.far_updates => OwnKind::RefreshByInvite(sdp.clone()),
            _ => OwnKind::Refresh,
        };
        self.send_own(kind, 0);
    }

    /// What is due: our refresh, the far side's silence, a late word of the program.
    pub async fn session_tick(&mut self, now: Timestamp) {
        if let Some(late) = self.far_offer.take_if(|o| now >= o.until) {
            let _ = late.handle.respond(StatusCode::NotAcceptableHere, None, None).await;
            self.next_own();
        }
        let free = self.far_offer.is_none();
        if let Some(own) = self.own.take_if(|own| free && own.again_at.is_some_and(|at| now >= at)) {
            self.send_own(own.kind, own.tries);
        }
        let Some(agreed) = self.session.filter(|_| self.phase == Phase::Up) else { return };
        if now >= agreed.end() {
            // RFC 4028 §10: a call that nobody refreshed is ended with BYE.
            self.bye(HangUp::Failure);
            self.end(EndCause::SessionExpired).await;
        } else if agreed.ours && self.own.is_none() && now >= self.rest_until.unwrap_or(agreed.due()) {
            self.refresh();
        }
    }
}

impl Own {
    fn is_plain_refresh(&self) -> bool {
        matches!(self.kind, OwnKind::Refresh)
    }
}

/// Whether the body is what we read. No Content-Type at all is taken as SDP, as old gateways mean it.
pub(super) fn is_sdp(request: &Request) -> bool {
    request
        .header_value("content-type")
        .is_none_or(|value| value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SDP)))
}
