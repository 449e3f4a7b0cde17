//! The network address a request came from: used for limits as a keyed pseudonym, never written anywhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use crate::kernel::problem::Problem;

use super::keys::InstallKey;

/// Entries of `X-Forwarded-For` that are looked at, from the right; what stands further left is ignored.
pub const FORWARDED_MAX: usize = 16;

/// The address of whoever sent the request.
///
/// `Debug` hides it, so that it cannot slip into a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

impl Client {
    /// The pseudonym that stands for this address in limits and tables: a keyed hash, worthless without the
    /// installation's key. IPv6 counts by its /64, because one customer has a whole one.
    #[must_use]
    pub fn address_key(self, key: &InstallKey) -> String {
        match self.0.to_canonical() {
            IpAddr::V4(v4) => key.pseudonym("address", &v4.octets()),
            IpAddr::V6(v6) => key.pseudonym("address", &v6.octets()[..8]),
        }
    }
}

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpAddr]>);

impl TrustedProxies {
    #[must_use]
    pub fn new(addresses: &[IpAddr]) -> Self {
        Self(addresses.iter().map(IpAddr::to_canonical).collect())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The address behind `peer`: walks `X-Forwarded-For` from the right past trusted proxies and stops at
    /// the first address that none of them vouches for. Anything unreadable ends the walk.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return Client(client);
        }
        let lines = headers.get_all("x-forwarded-for").iter().rev().filter_map(|v| v.to_str().ok());
        for entry in lines.flat_map(|line| line.rsplit(',')).take(FORWARDED_MAX) {
            let Ok(address) = entry.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        Client(client)
    }
}

/// The address of the other end of the connection; unspecified when the listener did not say.
pub(super) fn peer_of(extensions: &Extensions) -> IpAddr {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    /// What the middleware found; without it the direct peer.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().copied();
        Ok(found.unwrap_or_else(|| Self(peer_of(&parts.extensions))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let trusted = TrustedProxies::new(&["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        trusted.client(peer.parse().unwrap(), &headers).0.to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("::ffff:10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        // The left part is the visitor's own claim; only the proxy's own entry counts.
        assert_eq!(client("10.0.0.1", &["127.0.0.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, ::1"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, nonsense"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn an_address_becomes_a_pseudonym_of_its_network() {
        let key = InstallKey::from_bytes([7; 32]);
        let named = |text: &str| Client(text.parse().unwrap()).address_key(&key);
        assert_eq!(named("2001:db8:1:2::1"), named("2001:db8:1:2:ffff::9"));
        assert_ne!(named("2001:db8:1:2::1"), named("2001:db8:1:3::1"));
        assert_eq!(named("192.0.2.1"), named("::ffff:192.0.2.1"));
        assert_ne!(named("192.0.2.1"), named("192.0.2.2"));
        let other = Client("192.0.2.1".parse().unwrap()).address_key(&InstallKey::from_bytes([8; 32]));
        assert_ne!(named("192.0.2.1"), other);
        assert!(!format!("{:?}", Client("192.0.2.1".parse().unwrap())).contains("192"));
    }
}
