//! The listening socket: plain TCP, or TLS by rustls when a certificate is set.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A client that has not finished its TLS handshake by then is dropped.
pub const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Handshakes that may be under way or finished and not yet taken; more wait in the kernel's backlog.
pub const HANDSHAKES_MAX: usize = 256;

/// Reads a certificate chain and its key (PEM) into a server configuration: TLS 1.2 and 1.3.
///
/// # Errors
/// When a file cannot be read or the two do not belong together.
pub fn tls_config(certificate: &Path, key: &Path) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    use anyhow::Context;
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("http.tls_certificate: {}", certificate.display()))?;
    let key =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("http.tls_key: {}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the TLS certificate and key do not fit")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A listener whose connections have finished their handshake.
///
/// Handshakes run beside each other, so that one slow client keeps nobody waiting.
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    local: SocketAddr,
}

impl TlsListener {
    /// Takes over `tcp`.
    ///
    /// # Errors
    /// When the socket has no local address.
    pub fn start(tcp: TcpListener, config: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let local = tcp.local_addr()?;
        let (sender, ready) = mpsc::channel(HANDSHAKES_MAX);
        tokio::spawn(accept(tcp, TlsAcceptor::from(config), sender));
        Ok(Self { ready, local })
    }
}

async fn accept(
    mut tcp: TcpListener,
    acceptor: TlsAcceptor,
    sender: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    // A permit is a place in the channel: without a free one nothing more is accepted.
    while let Ok(permit) = sender.clone().reserve_owned().await {
        let (stream, peer) = Listener::accept(&mut tcp).await;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE_WAIT, acceptor.accept(stream)).await;
            if let Ok(Ok(stream)) = shaken {
                permit.send((stream, peer));
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task ended: nothing more will come; the server is being stopped from outside.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

/// The address at the other end of the connection, for listeners of both kinds.
#[derive(Clone, Copy, Debug)]
struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Handlers ask for `ConnectInfo<SocketAddr>` whichever listener took the connection.
async fn name_peer(ConnectInfo(Peer(peer)): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(ConnectInfo(peer));
    next.run(request).await
}

/// Answers requests on `tcp` until `stop` resolves, then lets open requests finish.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    tcp: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service =
        router.layer(axum::middleware::from_fn(name_peer)).into_make_service_with_connect_info::<Peer>();
    match tls {
        Some(config) => {
            axum::serve(TlsListener::start(tcp, config)?, service).with_graceful_shutdown(stop).await
        }
        None => axum::serve(tcp, service).with_graceful_shutdown(stop).await,
    }
}
