//! The SIP stack, put together: endpoint, listeners and the few rules it is given.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;

use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::{
    Header, Host, HostWithPort, Param, Scheme, SipMessage, Transport as StackTransport, Uri,
};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption, MessageInspector};
use rsipstack::transport::tcp_listener::TcpListenerConnection;
use rsipstack::transport::tls::{TlsConfig as StackTls, TlsListenerConnection};
use rsipstack::transport::transport_layer::DomainResolver;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, TransportLayer};
use tokio::net::{TcpListener, UdpSocket, lookup_host};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::TrunkError;
use super::config::{Transport, TrunkConfig, host_and_port};
use super::gate::{Gate, GatedSocket};
use super::streams::{Acceptor, Streams};

/// Right-hand side of the Call-IDs we make: says nothing about the machine or its maker.
pub(super) const CALL_ID_HOST: &str = "trunk.invalid";
/// A connection that does not come about in this time is given up.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const USER_AGENT: &str = "Madoguchi";

/// The stack while it runs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Stack {
    pub endpoint: EndpointInnerRef,
    pub dialogs: Arc<DialogLayer>,
    pub names: Names,
    pub tls: Option<Arc<Acceptor>>,
    /// Where we can be reached, by transport.
    reach: Arc<Vec<(Transport, SocketAddr)>>,
    sockets: Arc<Vec<Arc<GatedSocket>>>,
    /// The stream listeners.
    listening: TaskTracker,
}

/// The part of the stack that has to be polled.
pub(super) type Serving = Pin<Box<dyn Future<Output = rsipstack::Result<()>> + Send>>;

pub(super) const fn kind(of: Transport) -> StackTransport {
    match of {
        Transport::Udp => StackTransport::Udp,
        Transport::Tcp => StackTransport::Tcp,
        Transport::Tls => StackTransport::Tls,
    }
}

impl Stack {
    /// Opens every listener, or none.
    pub async fn open(
        config: &TrunkConfig,
        gate: &Arc<Gate>,
        closed: &CancellationToken,
    ) -> Result<(Self, TransactionReceiver, Serving), TrunkError> {
        let tls = config.tls.as_ref().map(Acceptor::load).transpose()?.map(Arc::new);
        let names = Names::default();
        let layer = TransportLayer::new_with_domain_resolver(closed.clone(), Box::new(names.clone()));
        let (mut reach, mut sockets) = (Vec::new(), Vec::new());
        let outside =
            |bound: SocketAddr| SocketAddr::new(config.public_address.unwrap_or(bound.ip()), bound.port());
        for address in &config.udp {
            let failed = |e| TrunkError::Listen(*address, e);
            let socket = UdpSocket::bind(address).await.map_err(failed)?;
            let gated = Arc::new(GatedSocket::new(socket, Arc::clone(gate)).map_err(failed)?);
            let bound = gated.local();
            reach.push((Transport::Udp, outside(bound)));
            sockets.push(Arc::clone(&gated));
            let connection =
                UdpConnection::from_socket(gated, Some(outside(bound)), Some(closed.child_token()))
                    .await
                    .map_err(|e| TrunkError::Stack(e.to_string()))?;
            layer.add_transport(connection.into());
        }
        let streams = config.tcp.iter().map(|a| (*a, Transport::Tcp));
        let mut listeners = Vec::new();
        for (address, over) in streams.chain(config.tls.iter().map(|t| (t.listen, Transport::Tls))) {
            let listener = TcpListener::bind(address).await.map_err(|e| TrunkError::Listen(address, e))?;
            let bound = listener.local_addr().map_err(|e| TrunkError::Listen(address, e))?;
            reach.push((over, outside(bound)));
            listeners.push((listener, over));
        }
        // Read at the start, not in the middle of a call; without it only calls over TLS fail, and say why.
        let authorities = tokio::fs::read(&config.tls_authorities).await.ok();
        layer.set_tls_config(StackTls { ca_certs: authorities, ..StackTls::default() });

        let endpoint = build_endpoint(config, layer, closed);
        let incoming = endpoint.incoming_transactions().map_err(|e| TrunkError::Stack(e.to_string()))?;
        let endpoint = endpoint.inner;
        let serving = begin(Arc::clone(&endpoint)).await;
        announce(&endpoint, &reach).await?;
        let listening = TaskTracker::new();
        let carrier = Streams::new(Arc::clone(gate), Arc::clone(&endpoint), closed.clone());
        for (listener, over) in listeners {
            let acceptor = tls.clone().filter(|_| over == Transport::Tls);
            listening.spawn(carrier.clone().listen(listener, acceptor));
        }
        listening.close();
        let dialogs = Arc::new(DialogLayer::new(Arc::clone(&endpoint)));
        Ok((
            Self {
                endpoint,
                dialogs,
                names,
                tls,
                reach: Arc::new(reach),
                sockets: Arc::new(sockets),
                listening,
            },
            incoming,
            serving,
        ))
    }

    /// Gives the ports back, whoever still holds the stack.
    pub async fn close(&self) {
        for socket in self.sockets.iter() {
            socket.close().await;
        }
        self.listening.wait().await;
    }

    /// The addresses that listen, as the outside sees them.
    pub fn reach(&self) -> &[(Transport, SocketAddr)] {
        &self.reach
    }

    /// Connects to where `uri` leads, when that is a stream and not connected yet: what fails is known at
    /// once and by its reason, not after 64*T1 of trying.
    pub async fn connect(&self, uri: &Uri) -> Result<(), String> {
        let target = SipAddr::try_from(uri).map_err(|_| "no address".to_owned())?;
        if matches!(target.r#type, None | Some(StackTransport::Udp)) {
            return Ok(());
        }
        let found = self.endpoint.transport_layer.lookup(&target, None);
        match tokio::time::timeout(CONNECT_LIMIT, found).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(rsipstack::Error::IoError(error))) => Err(error.to_string()),
            Ok(Err(_)) => Err("cannot connect".to_owned()),
            Err(_) => Err("no connection in time".to_owned()),
        }
    }

    /// Our Contact (RFC 3261 §8.1.1.8) towards somebody reached over `over`.
    pub fn contact(&self, user: &str, over: Transport) -> Uri {
        let of = |t: Transport| self.reach.iter().find(|(kind, _)| *kind == t).map(|(_, at)| *at);
        let at = of(over).or_else(|| self.reach.first().map(|(_, at)| *at));
        let host = at.map_or_else(HostWithPort::default, HostWithPort::from);
        let params = if over == Transport::Udp { Vec::new() } else { vec![Param::Transport(kind(over))] };
        let auth = (!user.is_empty()).then(|| rsipstack::sip::Auth { user: user.to_owned(), password: None });
        Uri { scheme: Some(Scheme::Sip), auth, host_with_port: host, params, headers: Vec::new() }
    }
}

fn build_endpoint(
    config: &TrunkConfig,
    layer: TransportLayer,
    closed: &CancellationToken,
) -> rsipstack::transaction::Endpoint {
    let t1 = Duration::from_millis(u64::from(config.t1_ms));
    let option = EndpointOption {
        t1,
        t1x64: t1 * 64,
        t2: t1 * 8,
        t4: t1 * 10,
        callid_suffix: Some(CALL_ID_HOST.to_owned()),
        ..EndpointOption::default()
    };
    EndpointBuilder::new()
        .with_user_agent(USER_AGENT)
        .with_cancel_token(closed.clone())
        .with_transport_layer(layer)
        .with_option(option)
        .with_inspector(Box::new(LastTouch))
        .build()
}

/// Starts serving: after the first poll the stack has taken over the UDP sockets, and what is announced later
/// is only announced, not bound a second time.
async fn begin(endpoint: EndpointInnerRef) -> Serving {
    let mut serving: Serving = Box::pin(async move { endpoint.serve().await });
    let mut early = None;
    poll_fn(|cx| {
        if let Poll::Ready(end) = serving.as_mut().poll(cx) {
            early = Some(end);
        }
        Poll::Ready(())
    })
    .await;
    match early {
        Some(end) => Box::pin(async move { end }),
        None => serving,
    }
}

/// Tells the stack where its stream listeners are, which it needs for Via. The listeners themselves are ours.
async fn announce(endpoint: &EndpointInnerRef, reach: &[(Transport, SocketAddr)]) -> Result<(), TrunkError> {
    let failed = |e: rsipstack::Error| TrunkError::Stack(e.to_string());
    for (over, at) in reach {
        let listener = match over {
            Transport::Udp => continue,
            Transport::Tcp => TcpListenerConnection::new(*at, None).await.map_err(failed)?.into(),
            Transport::Tls => {
                TlsListenerConnection::new(*at, None, StackTls::default()).await.map_err(failed)?.into()
            }
        };
        endpoint.transport_layer.add_transport(listener);
    }
    Ok(())
}

/// The last look at what goes out.
struct LastTouch;

impl MessageInspector for LastTouch {
    /// RFC 7616 §3.4: in the answer to a challenge `qop` is a token, not a quoted string. The stack quotes
    /// it.
    fn before_send(&self, mut message: SipMessage, _: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Request(request) = &mut message {
            for header in request.headers.iter_mut() {
                let bare = |value: &str| value.replace("qop=\"auth\"", "qop=auth");
                match header {
                    Header::Authorization(value) => *value = bare(value.value()).into(),
                    Header::ProxyAuthorization(value) => *value = bare(value.value()).into(),
                    _ => {}
                }
            }
        }
        message
    }

    fn after_received(&self, message: SipMessage, _: Option<&SipAddr>) -> SipMessage {
        message
    }
}

/// Host names of providers and where they were last found, so that every message of a call, also its CANCEL,
/// goes to one address, and a name that differs from the machine behind it (`domain`) leads there too.
#[derive(Clone, Default)]
pub(super) struct Names(Arc<RwLock<HashMap<String, SocketAddr>>>);

impl Names {
    /// Looks `place` (`host` or `host:port`) up now, and remembers the result for `place`'s host and for
    /// `domain`. Gives every address found; the first is the one in use.
    pub async fn find(&self, place: &str, domain: Option<&str>, over: Transport) -> Option<Vec<SocketAddr>> {
        let (host, port) = host_and_port(place)?;
        let port = port.unwrap_or_else(|| if over == Transport::Tls { 5061 } else { 5060 });
        let bare = host.trim_matches(['[', ']']).to_owned();
        let found: Vec<SocketAddr> = lookup_host((bare.as_str(), port)).await.ok()?.collect();
        let first = *found.first()?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for name in [Some(bare.as_str()), domain].into_iter().flatten() {
            known.insert(name.to_ascii_lowercase(), first);
        }
        Some(found)
    }

    fn known(&self, host: &str) -> Option<SocketAddr> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&host.to_ascii_lowercase()).copied()
    }

    async fn resolve(&self, target: &SipAddr) -> rsipstack::Result<SipAddr> {
        let name = target.addr.host.to_string();
        let failed = || rsipstack::Error::DnsResolutionError("host not found".to_owned());
        // RFC 3261 §8.1.1.3 and RFC 2606: such names never lead anywhere.
        if name.ends_with(".invalid") {
            return Err(failed());
        }
        let port = target.addr.port.map(|p| p.value());
        let at = match self.known(&name) {
            Some(at) => SocketAddr::new(at.ip(), port.unwrap_or(at.port())),
            None => {
                let port = port.unwrap_or_else(|| target.r#type.unwrap_or_default().default_port().value());
                lookup_host((name.as_str(), port)).await?.next().ok_or_else(failed)?
            }
        };
        Ok(SipAddr {
            r#type: target.r#type,
            addr: HostWithPort { host: Host::IpAddr(at.ip()), port: Some(at.port().into()) },
        })
    }
}

impl DomainResolver for Names {
    fn resolve<'s, 't, 'f>(
        &'s self,
        target: &'t SipAddr,
    ) -> Pin<Box<dyn Future<Output = rsipstack::Result<SipAddr>> + Send + 'f>>
    where
        's: 'f,
        't: 'f,
    {
        Box::pin(self.resolve(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_challenge_is_as_the_rfc_writes_it() {
        let text = "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1\r\n\
            Authorization: Digest username=\"x\", qop=\"auth\", nc=00000001\r\nContent-Length: 0\r\n\r\n";
        let message = SipMessage::try_from(text.as_bytes()).unwrap();
        let sent = LastTouch.before_send(message, None).to_string();
        assert!(sent.contains("qop=auth, nc=00000001"), "{sent}");
    }
}
