//! What arrives: new calls are let in or refused, requests inside a call go to it, the rest gets its code.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::dialog::Dialog;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Host, Method, Request, StatusCode, Transport as StackTransport};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc;

use super::call::{Call, Opening, SDP, Side, allows_update, body_of, said};
use super::caller::{Caller, Identity, user_of};
use super::config::{DialledFrom, Transport};
use super::handle::Core;
use super::peers::Peer;
use super::session::is_sdp;
use super::stack::Stack;
use super::timer::{self, Agreed, Expires};
use super::wire::ALLOW;
use super::{TrunkEvent, outbound};

/// Longest name of a called line that is handed on.
const DIALLED_MAX: usize = 64;

/// How often, and how far apart, a dialog that is just being confirmed is looked for.
const SETTLING_LOOKS: u32 = 40;
const SETTLING: Duration = Duration::from_millis(25);

/// A refusal: its code and what goes with it.
struct No(u16, Vec<Header>);

/// Takes requests until the listeners close.
pub(super) async fn run(core: Arc<Core>, stack: Stack, mut incoming: TransactionReceiver) {
    loop {
        let transaction = tokio::select! {
            next = incoming.recv() => match next {
                Some(transaction) => transaction,
                None => return,
            },
            () = core.closed.cancelled() => return,
        };
        let (core_, stack) = (Arc::clone(&core), stack.clone());
        // Each request runs by itself, so that a fault in one cannot stop the others.
        core.spawn_aside(serve(core_, stack, transaction));
    }
}

async fn serve(core: Arc<Core>, stack: Stack, mut transaction: Transaction) {
    let in_dialog = has_tag(&transaction.original);
    let refused = if in_dialog {
        inside(&core, &stack, &mut transaction).await
    } else {
        outside(&core, stack, &mut transaction).await
    };
    if let Err(No(code, headers)) = refused {
        // A response that cannot be sent is as good as lost: the request comes again.
        let _ = transaction.reply_with(StatusCode::from(code), headers, None).await;
    }
}

fn has_tag(request: &Request) -> bool {
    request.to_header().ok().and_then(|to| to.tag().ok().flatten()).is_some_and(|tag| !tag.value().is_empty())
}

/// A request inside a dialog (RFC 3261 §12.2.2).
async fn inside(core: &Core, stack: &Stack, transaction: &mut Transaction) -> Result<(), No> {
    let mut dialog = dialog_of(core, stack, transaction).await.ok_or_else(|| No(481, Vec::new()))?;
    let method = transaction.original.method;
    let served = matches!(
        method,
        Method::Invite
            | Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Info
            | Method::Options
            | Method::Update
    );
    if !served {
        return Err(No(405, vec![Header::Allow(ALLOW.into())]));
    }
    let state = dialog.state();
    if !state.is_confirmed() && !matches!(method, Method::Bye | Method::Ack | Method::Cancel) {
        // Before the ACK nothing may change (RFC 3261 §14.2, RFC 3311 §5.2).
        return Err(if state.is_terminated() { No(481, Vec::new()) } else { No(491, Vec::new()) });
    }
    let seq = transaction.original.cseq_header().ok().and_then(|c| c.seq().ok()).unwrap_or(0);
    if seq < dialog.snapshot().remote_cseq {
        return Err(No(500, Vec::new()));
    }
    // The dialog answers by itself; an error is about this request only.
    let _ = dialog.handle(transaction).await;
    Ok(())
}

/// The dialog of a request. For a moment after the answer to a call of ours the stack does not find its
/// dialog: a far side that speaks at once (BYE right after its 200) is asked to wait, not told that there is
/// no call.
async fn dialog_of(core: &Core, stack: &Stack, transaction: &Transaction) -> Option<InviteDialog> {
    let call_id = transaction.original.call_id_header().map(|h| h.value().to_owned()).unwrap_or_default();
    for _ in 0..SETTLING_LOOKS {
        if let Some(Dialog::Invite(dialog)) = stack.dialogs.match_dialog(transaction) {
            return Some(dialog);
        }
        if !core.is_outgoing(&call_id) {
            return None;
        }
        tokio::time::sleep(SETTLING).await;
    }
    None
}

/// A request outside any dialog.
async fn outside(core: &Arc<Core>, stack: Stack, transaction: &mut Transaction) -> Result<(), No> {
    let (ip, over) = source(transaction).ok_or_else(|| No(403, Vec::new()))?;
    let peer = core.peers.at(ip, over == Transport::Tls).ok_or_else(|| No(403, Vec::new()))?;
    match transaction.original.method {
        Method::Invite => called(core, stack, transaction, peer, over).await,
        Method::Options => {
            knows_extensions(&transaction.original)?;
            // RFC 3261 §11.2: the same code an INVITE would get, and what we can do.
            let code = if core.lifecycle.is_stopping() { 503 } else { 200 };
            Err(No(
                code,
                vec![
                    Header::Allow(ALLOW.into()),
                    Header::Accept(SDP.into()),
                    Header::Supported("timer".into()),
                ],
            ))
        }
        Method::Bye | Method::Info | Method::Update | Method::Cancel | Method::Ack => {
            Err(No(481, Vec::new()))
        }
        _ => Err(No(405, vec![Header::Allow(ALLOW.into())])),
    }
}

fn source(transaction: &Transaction) -> Option<(IpAddr, Transport)> {
    let from = transaction.connection.as_ref()?.get_remote_addr()?;
    let over = match from.r#type {
        Some(StackTransport::Tls) => Transport::Tls,
        Some(StackTransport::Tcp) => Transport::Tcp,
        _ => Transport::Udp,
    };
    match from.addr.host {
        Host::IpAddr(ip) => Some((ip, over)),
        Host::Domain(_) => None,
    }
}

/// What must hold before a call is let in (RFC 3261 §8.2, RFC 4028 §9).
fn admissible(core: &Core, invite: &Request) -> Result<(Expires, Agreed), No> {
    if core.lifecycle.is_stopping() {
        return Err(No(503, retry_after(core)));
    }
    knows_extensions(invite)?;
    if !invite.body.is_empty() && !is_sdp(invite) {
        return Err(No(415, vec![Header::Accept(SDP.into())]));
    }
    timer::as_uas(said(invite), core.wish(), core.clock.now())
        .map_err(|min| No(422, vec![Header::MinSE(min.to_string().into())]))
}

/// Extensions that the far side insists on (RFC 3261 §8.2.2.3).
fn knows_extensions(request: &Request) -> Result<(), No> {
    let required = request.headers.iter().filter(|h| matches!(h, Header::Require(_)));
    let tokens = required.flat_map(|h| h.value().split(',')).map(str::trim).filter(|t| !t.is_empty());
    let unknown: Vec<&str> = tokens.filter(|t| !t.eq_ignore_ascii_case("timer")).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(No(420, vec![Header::Unsupported(unknown.join(", ").into())]))
}

fn retry_after(core: &Core) -> Vec<Header> {
    vec![Header::RetryAfter(core.config.limits.retry_after_secs.to_string().into())]
}

async fn called(
    core: &Arc<Core>,
    stack: Stack,
    transaction: &mut Transaction,
    peer: &Arc<Peer>,
    over: Transport,
) -> Result<(), No> {
    let session = admissible(core, &transaction.original)?;
    let slot = core.peers.enter(peer, true, core.clock.now()).ok_or_else(|| No(503, retry_after(core)))?;
    let invite = transaction.original.clone();
    let (states, mut dialog_states) = mpsc::unbounded_channel();
    let contact = stack.contact(invite.uri.auth.as_ref().map_or("", |a| a.user.as_str()), over);
    let mut dialog = stack
        .dialogs
        .get_or_create_server_invite(transaction, states, credential(core, &peer.name), Some(contact))
        .map_err(|_| No(400, Vec::new()))?;
    let (reports, mut own_reports) = mpsc::unbounded_channel();
    let (id, mut commands) = core.open_call();
    let offer = body_of(&invite.body);
    let event = TrunkEvent::Incoming {
        call: id,
        caller: caller(&invite),
        dialled: dialled(&invite, peer.dialled_from),
        peer: peer.name.clone(),
        offer: offer.clone(),
    };
    let side = Side::Incoming {
        invite: Box::new(invite.clone()),
        transaction: transaction.tu_sender.clone(),
        session,
        late_offer: offer.is_none(),
    };
    let opening = Opening {
        id,
        core: Arc::clone(core),
        stack,
        dialog: dialog.clone(),
        side,
        slot: Arc::new(slot),
        reports,
    };
    let mut call = Call::new(opening);
    call.far_updates = allows_update(&invite);
    call.remote_sdp = offer;
    core.tell(event).await;
    core.spawn(async move {
        call.run(&mut commands, &mut dialog_states, &mut own_reports).await;
    });
    // Runs the INVITE to its ACK, CANCEL or end; the outcome reaches the call by its states.
    let _ = dialog.handle(transaction).await;
    Ok(())
}

/// What the account of a registration proves itself with, when asked inside a call it received.
fn credential(core: &Core, name: &str) -> Option<Credential> {
    core.config.registrations.iter().find(|r| r.name == name).map(outbound::credential)
}

fn caller(invite: &Request) -> Caller {
    // Several headers, or several addresses in one: the first with a number counts (RFC 3325 §9.1).
    let asserted: Vec<&str> = invite
        .headers
        .iter()
        .filter(|h| matches!(h, Header::PAssertedIdentity(_)))
        .map(Header::value)
        .collect();
    let asserted = asserted.join(",");
    Caller::read(Identity {
        asserted: Some(asserted.as_str()),
        from: invite.from_header().map_or("", |h| h.value()),
        privacy: invite.privacy_header().map(rsipstack::sip::Privacy::value),
    })
}

fn dialled(invite: &Request, from: DialledFrom) -> String {
    let line = || user_of(&invite.uri.to_string());
    let found = match from {
        DialledFrom::RequestUri => line(),
        DialledFrom::To => invite.to_header().ok().and_then(|h| user_of(h.value())).or_else(line),
        DialledFrom::CalledParty => {
            invite.header_value("p-called-party-id").and_then(|v| user_of(&v)).or_else(line)
        }
    };
    let mut name = found.unwrap_or_default();
    name.retain(|c| !c.is_control());
    super::caller::number(&name).unwrap_or_else(|| name.chars().take(DIALLED_MAX).collect())
}
