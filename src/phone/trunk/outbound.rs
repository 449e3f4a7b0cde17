//! Calls we make (RFC 3261 §13.2): where to, in whose name, and again with a longer session where one is
//! wanted.

use std::sync::Arc;

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::sip::{Auth, Header, Param, Scheme, Uri};
use tokio::sync::mpsc;

use super::call::{Call, Command, Opening, Report, SDP, Side};
use super::config::{RegistrationConfig, Transport, TrunkConfig, host_and_port};
use super::handle::Core;
use super::peers::Slot;
use super::stack::{CALL_ID_HOST, Stack, kind};
use super::timer::Expires;
use super::wire::ALLOW;
use super::{CallId, TrunkEvent};

/// How often an INVITE is made again because the far side wants longer sessions (RFC 4028 §7.3).
const TRIES: u8 = 3;

/// The way a call goes out.
pub(super) struct Route {
    /// `host` or `host:port` that gets the messages.
    place: String,
    domain: Option<String>,
    transport: Transport,
    account: Option<RegistrationConfig>,
}

/// A call that was asked for.
pub(super) struct Wanted {
    pub route: Route,
    pub called: String,
    pub shown: Option<String>,
    pub sdp: String,
    pub slot: Slot,
}

pub(super) fn route(config: &TrunkConfig, name: &str) -> Option<Route> {
    if let Some(account) = config.registrations.iter().find(|r| r.name == name) {
        return Some(Route {
            place: account.registrar.clone(),
            domain: account.domain.clone(),
            transport: account.transport,
            account: Some(account.clone()),
        });
    }
    let peer = config.peers.iter().find(|p| p.name == name)?;
    Some(Route {
        place: peer.target.clone()?,
        domain: peer.domain.clone(),
        transport: peer.transport,
        account: None,
    })
}

pub(super) fn credential(of: &RegistrationConfig) -> Credential {
    Credential {
        username: of.username.clone(),
        password: of.password.reveal().to_owned(),
        realm: of.realm.clone(),
        auth_username: None,
    }
}

/// The URI of `user` at a provider: its domain where one is given, else its host and port.
pub(super) fn uri_at(
    place: &str,
    domain: Option<&str>,
    transport: Transport,
    user: Option<&str>,
) -> Option<Uri> {
    let host = domain.unwrap_or(place);
    host_and_port(host)?;
    let host_with_port = rsipstack::sip::HostWithPort::try_from(host).ok()?;
    let params =
        if transport == Transport::Udp { Vec::new() } else { vec![Param::Transport(kind(transport))] };
    let auth = user.map(|user| Auth { user: user.to_owned(), password: None });
    Some(Uri { scheme: Some(Scheme::Sip), auth, host_with_port, params, headers: Vec::new() })
}

/// Makes the call and stays with it to its end.
pub(super) async fn run(
    core: Arc<Core>,
    id: CallId,
    wanted: Wanted,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let Wanted { route, called, shown, sdp, slot } = wanted;
    let slot = Arc::new(slot);
    let stack = core.stack();
    let found = match &stack {
        Some(stack) => stack.names.find(&route.place, route.domain.as_deref(), route.transport).await,
        None => None,
    };
    let (Some(stack), Some(found)) = (stack, found) else {
        return give_up(&core, id, &slot, "host not found").await;
    };
    if let Some(peer) = core.peers.list.iter().find(|p| p.name == slot.peer_name()) {
        peer.learn(found.iter().map(std::net::SocketAddr::ip));
    }
    let mut interval = core.config.session.default_secs;
    let mut least = core.config.session.min_secs;
    // RFC 4028 §7.3: the INVITE made again keeps its Call-ID.
    let call_id = format!("{:032x}@{CALL_ID_HOST}", core.chance.bits());
    let _outgoing = core.mark_outgoing(&call_id);
    for _ in 0..TRIES {
        let option = invitation(&stack, &route, &called, shown.as_deref(), &sdp, (interval, least));
        let Some(option) = option.map(|option| InviteOption { call_id: Some(call_id.clone()), ..option })
        else {
            return give_up(&core, id, &slot, "cannot be dialled").await;
        };
        if let Err(why) = stack.connect(&option.callee).await {
            return give_up(&core, id, &slot, &why).await;
        }
        let (states, mut dialog_states) = mpsc::unbounded_channel();
        let Ok((dialog, concluded)) = stack.dialogs.do_invite_async(option, states) else {
            return give_up(&core, id, &slot, "cannot be dialled").await;
        };
        let (reports, mut own_reports) = mpsc::unbounded_channel();
        let last_word = reports.clone();
        core.spawn_aside(async move {
            let response = concluded.await.ok().and_then(Result::ok).and_then(|(_, response)| response);
            // The call may be over meanwhile.
            let _ = last_word.send(Report::Final(response));
        });
        let mut call = Call::new(Opening {
            id,
            core: Arc::clone(&core),
            stack: stack.clone(),
            dialog,
            side: Side::Outgoing,
            slot: Arc::clone(&slot),
            reports,
        });
        call.local_sdp = Some(sdp.clone());
        call.interval_secs = interval;
        match call.run(&mut commands, &mut dialog_states, &mut own_reports).await {
            None => return,
            Some(longer) => {
                interval = interval.max(longer);
                least = least.max(longer);
            }
        }
    }
    give_up(&core, id, &slot, "session interval refused").await;
}

async fn give_up(core: &Core, call: CallId, slot: &Slot, why: &str) {
    core.close_call(call);
    slot.release();
    core.tell(TrunkEvent::Refused { call, code: 503, reason: why.to_owned() }).await;
}

fn invitation(
    stack: &Stack,
    route: &Route,
    called: &str,
    shown: Option<&str>,
    sdp: &str,
    (interval, least): (u32, u32),
) -> Option<InviteOption> {
    let at = |user: &str| uri_at(&route.place, route.domain.as_deref(), route.transport, Some(user));
    let plain = |user: &str| at(user).map(|uri| Uri { params: Vec::new(), ..uri });
    let callee = at(called)?;
    let account = route.account.as_ref().map(|a| a.username.as_str());
    let mut headers = vec![
        Header::Allow(ALLOW.into()),
        Header::Supported("timer".into()),
        Header::SessionExpires(Expires { secs: interval, refresher: None }.value().into()),
        Header::MinSE(least.to_string().into()),
    ];
    let caller = match shown.or(account) {
        Some(user) => plain(user)?,
        // RFC 3323 §4.1.1.3: nobody to name.
        None => Uri::try_from("sip:anonymous@anonymous.invalid").ok()?,
    };
    if let Some(number) = shown {
        let identity = format!("<{}>", plain(number)?);
        // A trunk trusts us (RFC 3325 §9.1); a registrar decides whether it does (§9.2).
        headers.push(if account.is_some() {
            Header::PPreferredIdentity(identity.into())
        } else {
            Header::PAssertedIdentity(identity.into())
        });
    }
    let user = account.or(shown).unwrap_or_default();
    Some(InviteOption {
        caller,
        callee,
        content_type: Some(SDP.to_owned()),
        offer: Some(sdp.as_bytes().to_vec()),
        contact: stack.contact(user, route.transport),
        credential: route.account.as_ref().map(credential),
        headers: Some(headers),
        ..InviteOption::default()
    })
}
