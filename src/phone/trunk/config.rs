//! What the operator says about the trunk (`[phone.trunk]` in the configuration file).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use super::TrunkError;

/// Most calls at once that a configuration may ask for: above it one machine could not carry the sound.
const CALLS_CEILING: u32 = 2000;
/// RFC 4028 §5: no session interval may be shorter than this.
const SESSION_FLOOR_SECS: u32 = 90;
/// Largest datagram the stack below reads in one piece.
const MESSAGE_CEILING: usize = 8192;
/// A SIP message with every mandatory header does not fit in less.
const MESSAGE_FLOOR: usize = 512;

/// Everything the trunk needs to know. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrunkConfig {
    /// Addresses that listen for SIP over UDP. Default `127.0.0.1:5060`.
    pub udp: Vec<SocketAddr>,
    /// Addresses that listen for SIP over TCP. Default `127.0.0.1:5060`.
    pub tcp: Vec<SocketAddr>,
    /// The listener for SIP over TLS. Default none.
    pub tls: Option<TlsConfig>,
    /// PEM file with the authorities that may have signed the certificate of a provider called over TLS.
    /// Default `/etc/ssl/certs/ca-certificates.crt`.
    pub tls_authorities: PathBuf,
    /// The address the outside reaches this machine at (Via and Contact). Needed when a listener is bound to
    /// `0.0.0.0` or stands behind NAT. Default: the address of the listener.
    pub public_address: Option<IpAddr>,
    /// What a request from an address that is no peer gets. Default `refuse` (403, rate limited).
    pub strangers: Strangers,
    /// Carriers that call us directly, and through which we may call.
    pub peers: Vec<PeerConfig>,
    /// Providers we register with.
    pub registrations: Vec<RegistrationConfig>,
    pub limits: LimitsConfig,
    pub session: SessionConfig,
    /// How long the program may take to answer a re-offer of the far side before it gets 488, in seconds.
    /// Default 10.
    pub reoffer_secs: u32,
    /// RFC 3261 timer T1 in milliseconds: the guess of a round trip; 64 times this ends a transaction.
    /// Default 500. Shorter only in tests and on local networks.
    pub t1_ms: u32,
}

impl Default for TrunkConfig {
    fn default() -> Self {
        let local = SocketAddr::from(([127, 0, 0, 1], 5060));
        Self {
            udp: vec![local],
            tcp: vec![local],
            tls: None,
            tls_authorities: PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
            public_address: None,
            strangers: Strangers::Refuse,
            peers: Vec::new(),
            registrations: Vec::new(),
            limits: LimitsConfig::default(),
            session: SessionConfig::default(),
            reoffer_secs: 10,
            t1_ms: 500,
        }
    }
}

/// The TLS listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    pub listen: SocketAddr,
    /// PEM file: the certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file: the private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// The answer to whoever is not a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strangers {
    /// 403, a few times a second in all; silence above that.
    #[default]
    Refuse,
    /// Silence.
    Ignore,
}

/// How messages travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
    Tls,
}

/// Where the number that was called is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialledFrom {
    /// The user part of the Request-URI (RFC 3261 §8.1.1.1).
    #[default]
    RequestUri,
    /// The user part of To, for providers that put the account name in the Request-URI.
    To,
    /// P-Called-Party-ID (RFC 7315 §4.2), else the Request-URI.
    CalledParty,
}

/// A carrier at the far end of a trunk.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    pub name: String,
    /// Where it calls from: addresses or blocks (`192.0.2.0/24`).
    pub addresses: Vec<Net>,
    /// How we call it. A peer with `tls` is only heard over TLS; the others over UDP and TCP.
    #[serde(default)]
    pub transport: Transport,
    /// Where we call: `host` or `host:port`. Without it the peer is only heard.
    #[serde(default)]
    pub target: Option<String>,
    /// Host name in the URIs of calls we make. Default: the target's host.
    #[serde(default)]
    pub domain: Option<String>,
    #[serde(default)]
    pub dialled_from: DialledFrom,
}

/// A provider where this program registers itself (RFC 3261 §10).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationConfig {
    pub name: String,
    /// `host` or `host:port` of the registrar; calls come from it and go through it.
    pub registrar: String,
    /// Host name in the URIs. Default: the registrar's host.
    #[serde(default)]
    pub domain: Option<String>,
    /// Further addresses its calls come from. Default: only those of the registrar's name.
    #[serde(default)]
    pub addresses: Vec<Net>,
    pub username: String,
    pub password: Secret,
    /// Realm of the credentials. Default: whatever the challenge says.
    #[serde(default)]
    pub realm: Option<String>,
    /// The lifetime asked for, in seconds. Default 3600.
    #[serde(default = "an_hour")]
    pub expires_secs: u32,
    #[serde(default)]
    pub transport: Transport,
    #[serde(default = "dialled_to")]
    pub dialled_from: DialledFrom,
    /// First wait after a failure, in seconds; doubled each time up to `retry_max_secs`. Default 5.
    #[serde(default = "retry")]
    pub retry_secs: u32,
    /// Longest wait after failures, in seconds. Default 300.
    #[serde(default = "retry_max")]
    pub retry_max_secs: u32,
}

const fn an_hour() -> u32 {
    3600
}
const fn dialled_to() -> DialledFrom {
    DialledFrom::To
}
const fn retry() -> u32 {
    5
}
const fn retry_max() -> u32 {
    300
}

/// What the trunk carries at most. Over a call limit the caller gets 503 with Retry-After.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// New calls a second from one peer. Default 10.
    pub calls_per_second_peer: u32,
    /// New calls a second in all. Default 20.
    pub calls_per_second: u32,
    /// Calls at once of one peer. Default 60.
    pub calls_peer: u32,
    /// Calls at once in all. Default 100.
    pub calls: u32,
    /// Messages a second of one peer; what is above is dropped unread. Default 500.
    pub messages_per_second_peer: u32,
    /// Largest message in bytes; larger ones get 413. Default 8192, which is also the ceiling.
    pub message_bytes: usize,
    /// Seconds in the Retry-After of a 503. Default 30.
    pub retry_after_secs: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            calls_per_second_peer: 10,
            calls_per_second: 20,
            calls_peer: 60,
            calls: 100,
            messages_per_second_peer: 500,
            message_bytes: MESSAGE_CEILING,
            retry_after_secs: 30,
        }
    }
}

/// Session timers (RFC 4028).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// Shortest interval accepted, in seconds (Min-SE). Default 90, the least the RFC allows.
    pub min_secs: u32,
    /// The interval asked for, in seconds. Default 1800.
    pub default_secs: u32,
    /// Accept intervals below the RFC's floor. Only for tests. Default false.
    pub below_floor: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { min_secs: SESSION_FLOOR_SECS, default_secs: 1800, below_floor: false }
    }
}

/// A password that never shows itself.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// One address or a block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    base: IpAddr,
    bits: u8,
}

impl Net {
    /// Reads `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`.
    pub fn parse(text: &str) -> Option<Self> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let width = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        (bits <= width).then_some(Self { base, bits })
    }

    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.base, ip.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl<'de> Deserialize<'de> for Net {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("not an address or block: {text}")))
    }
}

/// A host with an optional port, as written in `target` and `registrar`.
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let legal = |h: &str| {
        !h.is_empty() && h.len() < 254 && h.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (ip, after) = rest.split_once(']')?;
        ip.parse::<std::net::Ipv6Addr>().ok()?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(port.parse().ok()?),
            None if after.is_empty() => None,
            None => return None,
        };
        return Some((format!("[{ip}]"), port));
    }
    match text.split_once(':') {
        Some((host, port)) if legal(host) => Some((host.to_owned(), Some(port.parse().ok()?))),
        None if legal(text) => Some((text.to_owned(), None)),
        _ => None,
    }
}

impl TrunkConfig {
    /// Finds what cannot work before anything is opened.
    pub(super) fn check(&self) -> Result<(), TrunkError> {
        let wrong = |what: String| Err(TrunkError::Config(what));
        if self.udp.is_empty() && self.tcp.is_empty() && self.tls.is_none() {
            return wrong("no listener: give udp, tcp or tls".into());
        }
        let listens = self.udp.iter().chain(&self.tcp).chain(self.tls.iter().map(|t| &t.listen));
        if self.public_address.is_none() && listens.clone().any(|a| a.ip().is_unspecified()) {
            return wrong("a listener on every address needs public_address".into());
        }
        let mut names: Vec<&str> = self.peers.iter().map(|p| p.name.as_str()).collect();
        names.extend(self.registrations.iter().map(|r| r.name.as_str()));
        names.sort_unstable();
        if names.windows(2).any(|w| w[0] == w[1]) || names.contains(&"") {
            return wrong("peers and registrations need different names".into());
        }
        let hosts = self.peers.iter().filter_map(|p| p.target.as_deref());
        for host in hosts.chain(self.registrations.iter().map(|r| r.registrar.as_str())) {
            if host_and_port(host).is_none() {
                return wrong(format!("not a host or host:port: {host}"));
            }
        }
        for r in &self.registrations {
            let odd = |c: char| c.is_control() || c.is_whitespace() || "<>\"@;".contains(c);
            if r.username.is_empty() || r.username.contains(odd) || r.expires_secs == 0 || r.retry_secs == 0 {
                return wrong(format!("registration {}: username, expires_secs or retry_secs", r.name));
            }
        }
        let called = self.peers.iter().filter(|p| p.target.is_some()).map(|p| p.transport);
        let mut called = called.chain(self.registrations.iter().map(|r| r.transport));
        if self.udp.is_empty() && called.any(|t| t == Transport::Udp) {
            return wrong("calling over UDP needs a UDP listener".into());
        }
        let l = &self.limits;
        if !(1..=CALLS_CEILING).contains(&l.calls) || !(1..=CALLS_CEILING).contains(&l.calls_peer) {
            return wrong(format!("limits.calls and calls_peer go from 1 to {CALLS_CEILING}"));
        }
        if !(MESSAGE_FLOOR..=MESSAGE_CEILING).contains(&l.message_bytes) {
            return wrong(format!("limits.message_bytes goes from {MESSAGE_FLOOR} to {MESSAGE_CEILING}"));
        }
        let s = &self.session;
        if s.min_secs < SESSION_FLOOR_SECS && !s.below_floor || s.min_secs == 0 || s.default_secs < s.min_secs
        {
            return wrong(format!(
                "session.min_secs starts at {SESSION_FLOOR_SECS}, default_secs at min_secs"
            ));
        }
        if !(10..=2000).contains(&self.t1_ms) || self.reoffer_secs == 0 {
            return wrong("t1_ms goes from 10 to 2000, reoffer_secs starts at 1".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_their_addresses() {
        let net = Net::parse("192.0.2.0/24").unwrap();
        assert!(net.contains("192.0.2.255".parse().unwrap()));
        assert!(net.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!net.contains("192.0.3.0".parse().unwrap()));
        assert!(Net::parse("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(Net::parse("2001:db8::/32").unwrap().contains("2001:db8:1::1".parse().unwrap()));
        assert!(Net::parse("192.0.2.0/33").is_none());
    }

    #[test]
    fn hosts_are_read_and_injections_are_not() {
        assert_eq!(host_and_port("sip.example.jp:5080"), Some(("sip.example.jp".into(), Some(5080))));
        assert_eq!(host_and_port("[::1]:5060"), Some(("[::1]".into(), Some(5060))));
        assert_eq!(host_and_port("a b"), None);
        assert_eq!(host_and_port("a\r\nVia: x"), None);
        assert_eq!(host_and_port("a:99999"), None);
    }

    #[test]
    fn a_password_does_not_show() {
        assert!(!format!("{:?}", Secret::new("hunter2")).contains("hunter2"));
    }
}
