//! Listeners for SIP over TCP and TLS (RFC 3261 §18). Connections of strangers are closed unread; what a peer
//! sends is framed and judged here, message by message, and only then handed to the stack.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rsipstack::sip::{HostWithPort, SipMessage, Transport as StackTransport};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::TrunkError;
use super::config::{TlsConfig, Transport};
use super::gate::{Frame, Gate, Verdict};

/// Open connections from outside; further ones are closed at once.
const CONNECTIONS_MAX: usize = 128;
/// A TLS handshake that takes longer is given up.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A connection on which nothing comes for so long is closed. Trunks keep theirs open between calls.
const IDLE_LIMIT: Duration = Duration::from_secs(3600);
/// A far side that does not take what we send for so long has its connection closed.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// Rest after the listener failed (out of descriptors), so that it does not spin.
const AFTER_FAULT: Duration = Duration::from_millis(200);

/// The TLS side of the listener; certificates can be read again while it runs.
pub(super) struct Acceptor {
    files: TlsConfig,
    current: RwLock<TlsAcceptor>,
}

impl Acceptor {
    pub fn load(files: &TlsConfig) -> Result<Self, TrunkError> {
        let current = RwLock::new(build(files)?);
        Ok(Self { files: files.clone(), current })
    }

    /// Reads the certificate and key again; on failure the old ones stay.
    pub fn reload(&self) -> Result<(), TrunkError> {
        let fresh = build(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn get(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn build(files: &TlsConfig) -> Result<TlsAcceptor, TrunkError> {
    let wrong = |file: &Path, why: String| TrunkError::Tls(format!("{}: {why}", file.display()));
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| wrong(&files.certificate, e.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| wrong(&files.key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(&files.certificate, e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| wrong(&files.certificate, e.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a listener needs.
#[derive(Clone)]
pub(super) struct Streams {
    pub gate: Arc<Gate>,
    pub endpoint: EndpointInnerRef,
    pub closed: CancellationToken,
    pub room: Arc<Semaphore>,
}

impl Streams {
    pub fn new(gate: Arc<Gate>, endpoint: EndpointInnerRef, closed: CancellationToken) -> Self {
        Self { gate, endpoint, closed, room: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }

    /// Accepts until closed.
    pub async fn listen(self, listener: TcpListener, tls: Option<Arc<Acceptor>>) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.closed.cancelled() => return,
            };
            let Ok((stream, from)) = accepted else {
                tokio::time::sleep(AFTER_FAULT).await;
                continue;
            };
            if !self.gate.knows(from.ip()) {
                continue;
            }
            let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else { continue };
            // Small messages, each waited for: no reason to hold them back. Without it they are only slower.
            let _ = stream.set_nodelay(true);
            let (streams, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                let _permit = permit;
                match tls {
                    None => streams.carry(stream, from, Transport::Tcp).await,
                    Some(acceptor) => {
                        let shaken = tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.get().accept(stream));
                        if let Ok(Ok(stream)) = shaken.await {
                            streams.carry(stream, from, Transport::Tls).await;
                        }
                    }
                }
            });
        }
    }

    /// One connection from its first byte to its last.
    async fn carry<S: AsyncRead + AsyncWrite + Send + 'static>(
        self,
        stream: S,
        from: SocketAddr,
        over: Transport,
    ) {
        let own = self.closed.child_token();
        let (to_stack, stack_reads) = mpsc::unbounded_channel();
        let (stack_writes, mut to_far) = mpsc::unbounded_channel();
        let kind = if over == Transport::Tls { StackTransport::Tls } else { StackTransport::Tcp };
        let address = SipAddr::new(kind, HostWithPort::from(from));
        let made = ChannelConnection::create_connection(
            stack_reads,
            stack_writes,
            address.clone(),
            Some(own.clone()),
        );
        let Ok(channel) = made.await else { return };
        let connection = SipConnection::Channel(channel);
        self.endpoint.transport_layer.add_connection(connection.clone());
        let (read, mut write) = tokio::io::split(stream);
        let (answers, mut own_answers) = mpsc::channel::<Vec<u8>>(16);
        let writer = async {
            loop {
                let bytes = tokio::select! {
                    Some(event) = to_far.recv() => match event {
                        TransportEvent::Incoming(message, ..) => message.to_bytes(),
                        TransportEvent::New(_) | TransportEvent::Closed(_) => continue,
                    },
                    Some(bytes) = own_answers.recv() => bytes,
                    else => return,
                };
                if bytes.is_empty() {
                    return;
                }
                let written = async {
                    write.write_all(&bytes).await?;
                    write.flush().await
                };
                if !matches!(tokio::time::timeout(WRITE_LIMIT, written).await, Ok(Ok(()))) {
                    return;
                }
            }
        };
        let reader = self.read(
            read,
            from,
            over,
            |message| {
                let event = TransportEvent::Incoming(message, connection.clone(), address.clone());
                to_stack.send(event).is_ok()
            },
            answers,
        );
        tokio::select! {
            () = reader => {}
            () = writer => {}
            () = own.cancelled() => {}
        }
        own.cancel();
        self.endpoint.transport_layer.remove_connection(&connection);
        // The far side may be gone already.
        let _ = tokio::time::timeout(WRITE_LIMIT, write.shutdown()).await;
    }

    async fn read<R: AsyncRead + Unpin>(
        &self,
        mut from_far: R,
        from: SocketAddr,
        over: Transport,
        hand_on: impl Fn(SipMessage) -> bool,
        answers: mpsc::Sender<Vec<u8>>,
    ) {
        let mut buffer = BytesMut::with_capacity(self.gate.size());
        loop {
            match self.gate.frame(&buffer) {
                Frame::Wait => {
                    let read = tokio::time::timeout(IDLE_LIMIT, from_far.read_buf(&mut buffer)).await;
                    if !matches!(read, Ok(Ok(1..))) {
                        return;
                    }
                }
                Frame::Blank(count) => {
                    // RFC 5626 §4.4.1: a double CRLF is a ping, a single one the pong.
                    if count >= 4 && answers.send(b"\r\n".to_vec()).await.is_err() {
                        return;
                    }
                    buffer.advance(count);
                }
                Frame::Whole(length) => {
                    let packet = buffer.split_to(length);
                    let whole = match self.gate.judge(&packet, from, over) {
                        Verdict::Pass => packet.to_vec(),
                        Verdict::Patched(whole) => whole,
                        Verdict::Answer(bytes) => {
                            if answers.send(bytes).await.is_err() {
                                return;
                            }
                            continue;
                        }
                        Verdict::Drop => continue,
                    };
                    let Some(message) = parsed(&whole, from, over) else { continue };
                    if !hand_on(message) {
                        return;
                    }
                }
                Frame::TooLarge => {
                    if let Some(bytes) = self.gate.too_large(&buffer, from) {
                        let _ = answers.send(bytes).await;
                    }
                    let _ = answers.send(Vec::new()).await;
                    // The writer closes the connection once all before the empty message is on its way.
                    std::future::pending::<()>().await;
                }
                Frame::Lost => return,
            }
        }
    }
}

fn parsed(bytes: &[u8], from: SocketAddr, over: Transport) -> Option<SipMessage> {
    let kind = if over == Transport::Tls { StackTransport::Tls } else { StackTransport::Tcp };
    let message = SipMessage::try_from(bytes).ok()?;
    SipConnection::update_msg_received(message, from, kind).ok()
}
