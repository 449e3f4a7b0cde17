//! The program speaks TLS by itself when a certificate is set.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::TestDb;
use crate::support::seed::{AGENTS, PASSWORD};
use crate::support::server::{Options, TestServer};

const REQUEST: &str = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n\
    [name]\nCN = localhost\n\
    [extensions]\nsubjectAltName = DNS:localhost\nbasicConstraints = critical, CA:FALSE\n";

/// Makes `cert.pem` and `key.pem` for localhost, valid for two days.
fn certificate(folder: &Path) {
    std::fs::write(folder.join("request.cnf"), REQUEST).expect("the request is written");
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-config", "request.cnf", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "key.pem", "-out", "cert.pem"])
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

async fn ask(server: &TestServer, certificate: &Path, request: &str) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).expect("a certificate")).expect("an anchor");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(server.address).await.expect("the port is open");
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, tcp).await.expect("the certificate is accepted");
    stream.write_all(request.as_bytes()).await.expect("the request leaves");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the answer comes");
    String::from_utf8(answer).expect("the answer is text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_is_read_through_tls_and_cookies_are_secure() {
    let folder = tempfile::tempdir().expect("a folder for the certificate");
    certificate(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let variables = vec![
        ("MADOGUCHI_HTTP__TLS_CERTIFICATE".to_owned(), file("cert.pem")),
        ("MADOGUCHI_HTTP__TLS_KEY".to_owned(), file("key.pem")),
    ];
    let server = TestServer::start(TestDb::sqlite().await, Options { variables, ..Options::default() }).await;
    let cert = folder.path().join("cert.pem");

    let healthy =
        ask(&server, &cert, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(healthy.starts_with("HTTP/1.1 200") && healthy.ends_with("ok\n"), "{healthy}");
    let lower = healthy.to_lowercase();
    assert!(lower.contains("strict-transport-security: max-age="), "{healthy}");
    assert!(lower.contains("content-security-policy: default-src 'self'"), "{healthy}");

    let body = format!("{{\"login\":\"{}\",\"password\":\"{PASSWORD}\"}}", AGENTS[0]);
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let signed_in = ask(&server, &cert, &request).await;
    let cookie = signed_in.lines().find(|line| line.to_lowercase().starts_with("set-cookie:"));
    let cookie = cookie.expect("a cookie");
    assert!(cookie.contains("__Host-madoguchi=") && cookie.ends_with("; Secure"), "{cookie}");
    server.finish().await;
}
