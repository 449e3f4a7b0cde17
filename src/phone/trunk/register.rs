//! Registration with providers (RFC 3261 §10.2): digest, renewal before the end, patience after failures, and
//! taking it back when the program stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::registration::Registration;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{StatusCode, Uri};

use super::config::RegistrationConfig;
use super::handle::Core;
use super::outbound::{credential, uri_at};
use super::peers::lock;
use super::stack::Stack;
use super::{RegistrationState, TrunkEvent};
use crate::kernel::time::Millis;

/// Taking a registration back may take so long.
const TAKE_BACK_LIMIT: Duration = Duration::from_secs(2);
/// A registration is renewed after this much of its time, less a little by chance.
const RENEW_PERCENT: i64 = 75;
/// Chance moves renewals and retries by up to this much, so that many machines do not come at once.
const SPREAD_PERCENT: u64 = 20;
/// A registrar that grants less is asked again this often anyway.
const RENEW_LEAST: Millis = Millis::from_secs(1);

/// Keeps one registration until the program stops.
pub(super) async fn run(core: Arc<Core>, stack: Stack, index: usize) {
    let Some(config) = core.config.registrations.get(index).cloned() else { return };
    let Some(server) = uri_at(&config.registrar, config.domain.as_deref(), config.transport, None) else {
        return;
    };
    let mut registration = Registration::new(Arc::clone(&stack.endpoint), Some(credential(&config)));
    let mut asked = config.expires_secs;
    let mut failures = 0_u32;
    loop {
        let attempt = tokio::select! {
            attempt = attempt(&core, &stack, &config, &mut registration, &server, asked) => attempt,
            () = core.lifecycle.stopping() => break,
        };
        let wait = match attempt {
            Ok(granted) => {
                failures = 0;
                let granted = Millis::from_secs(i64::from(granted));
                registered(&core, index, granted).await;
                let wait = granted.0 * RENEW_PERCENT / 100;
                Millis(wait - wait * spread(&core) / 100 / 4).max(RENEW_LEAST)
            }
            // RFC 3261 §10.2.8: the registrar wants longer ones; ask again at once.
            Err(Failure { longer: Some(longer), .. }) if longer > asked => {
                asked = longer;
                continue;
            }
            Err(failure) => {
                let wait = patience(&core, &config, failures, failure.final_word);
                failures = failures.saturating_add(1);
                failed(&core, index, failure.reason, wait).await;
                wait
            }
        };
        let due = core.clock.now() + wait;
        tokio::select! {
            () = core.clock.sleep_until(due) => {}
            () = core.lifecycle.stopping() => break,
        }
    }
    take_back(&core, index, &mut registration, server).await;
}

struct Failure {
    reason: String,
    /// Min-Expires of a 423.
    longer: Option<u32>,
    /// Our credentials were refused: asking soon again only locks the account.
    final_word: bool,
}

impl Failure {
    fn of(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), longer: None, final_word: false }
    }
}

/// One REGISTER with its challenges; the granted seconds when it worked.
async fn attempt(
    core: &Core,
    stack: &Stack,
    config: &RegistrationConfig,
    registration: &mut Registration,
    server: &Uri,
    asked: u32,
) -> Result<u32, Failure> {
    let found = stack.names.find(&config.registrar, config.domain.as_deref(), config.transport).await;
    let found = found.ok_or_else(|| Failure::of("host not found"))?;
    if let Some(peer) = core.peers.named(&config.name) {
        peer.learn(found.iter().map(SocketAddr::ip));
    }
    stack.connect(server).await.map_err(Failure::of)?;
    if registration.contact.is_none() {
        registration.contact = Some(rsipstack::sip::typed::Contact {
            display_name: None,
            uri: stack.contact(&config.username, config.transport),
            params: Vec::new(),
        });
    }
    let response =
        registration.register(server.clone(), Some(asked)).await.map_err(|e| Failure::of(plain(&e)))?;
    match &response.status_code {
        StatusCode::OK => Ok(registration.expires()),
        code => {
            let longer = response.min_expires_header().and_then(|h| h.value().trim().parse().ok());
            let number = code.code();
            Err(Failure {
                reason: format!("{number} {}", code.text()),
                longer: longer.filter(|_| number == 423),
                final_word: matches!(number, 401 | 403 | 407),
            })
        }
    }
}

/// An error of the stack without the addresses and messages it may carry.
fn plain(error: &rsipstack::Error) -> &'static str {
    match error {
        rsipstack::Error::DnsResolutionError(_) => "host not found",
        rsipstack::Error::IoError(_) | rsipstack::Error::TransportLayerError(..) => "cannot connect",
        rsipstack::Error::DialogError(..) | rsipstack::Error::TransactionError(..) => "no usable answer",
        _ => "failed",
    }
}

/// A number from 0 to [`SPREAD_PERCENT`].
fn spread(core: &Core) -> i64 {
    i64::try_from(core.chance.below(SPREAD_PERCENT + 1)).unwrap_or_default()
}

fn patience(core: &Core, config: &RegistrationConfig, failures: u32, final_word: bool) -> Millis {
    let longest = i64::from(config.retry_max_secs.max(config.retry_secs));
    let doubled = i64::from(config.retry_secs).saturating_mul(1 << failures.min(16)).min(longest);
    let secs = if final_word { longest } else { doubled };
    Millis(secs * 10 * (100 + spread(core)))
}

async fn registered(core: &Core, index: usize, granted: Millis) {
    let now = core.clock.now();
    let state = RegistrationState::Registered { until: now + granted };
    let news = note(core, index, |status| {
        let news = !matches!(status.state, RegistrationState::Registered { .. });
        status.last_success = Some(now);
        status.state = state.clone();
        news
    });
    if let Some((name, true)) = news {
        tracing::info!(registration = %name, "registered");
        core.tell(TrunkEvent::Registration { name, state }).await;
    }
}

async fn failed(core: &Core, index: usize, reason: String, wait: Millis) {
    let now = core.clock.now();
    let state = RegistrationState::Failed { reason: reason.clone(), retry_at: now + wait };
    let noted = note(core, index, |status| {
        status.last_failure = Some((now, reason.clone()));
        status.state = state.clone();
        true
    });
    if let Some((name, _)) = noted {
        tracing::warn!(registration = %name, reason, "registration failed");
        core.tell(TrunkEvent::Registration { name, state }).await;
    }
}

fn note(
    core: &Core,
    index: usize,
    change: impl FnOnce(&mut super::RegistrationStatus) -> bool,
) -> Option<(String, bool)> {
    let mut all = lock(&core.registrations);
    let status = all.get_mut(index)?;
    let told = change(status);
    Some((status.name.clone(), told))
}

async fn take_back(core: &Core, index: usize, registration: &mut Registration, server: Uri) {
    let held = note(core, index, |status| matches!(status.state, RegistrationState::Registered { .. }));
    if held.is_some_and(|(_, held)| held) {
        // The provider forgets by itself when this does not reach it.
        let _ = tokio::time::timeout(TAKE_BACK_LIMIT, registration.register(server, Some(0))).await;
    }
    let state = RegistrationState::Ended;
    if let Some((name, _)) = note(core, index, |status| {
        status.state = state.clone();
        true
    }) {
        core.tell(TrunkEvent::Registration { name, state }).await;
    }
}
