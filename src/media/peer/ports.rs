//! One UDP socket per connection, from a range of ports.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

use super::PeerError;

/// Where the next search begins, so that a port rests after use and late datagrams of its last connection
/// meet nobody.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// Binds the next free port of `first..=last`; `(0, 0)` asks the system for any.
pub(super) fn bind(ip: IpAddr, (first, last): (u16, u16)) -> Result<UdpSocket, PeerError> {
    let count = last.saturating_sub(first).saturating_add(1);
    let start = NEXT.fetch_add(1, Ordering::Relaxed);
    for step in 0..count {
        let port = first + (start % count + step) % count;
        match UdpSocket::bind(SocketAddr::new(ip, port)) {
            Ok(socket) => {
                socket.set_nonblocking(true).map_err(|e| PeerError::Socket(e.kind()))?;
                NEXT.store(start.wrapping_add(step).wrapping_add(1), Ordering::Relaxed);
                return Ok(socket);
            }
            Err(e) if e.kind() == ErrorKind::AddrInUse => {}
            Err(e) => return Err(PeerError::Socket(e.kind())),
        }
    }
    Err(PeerError::NoPort(first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_range_is_used_up_and_comes_back() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let range = (47_310, 47_313);
        let held: Vec<_> = (0..4).map(|_| bind(ip, range).unwrap()).collect();
        assert_eq!(bind(ip, range).unwrap_err(), PeerError::NoPort(47_310, 47_313));
        drop(held);
        assert!(bind(ip, range).is_ok());
        assert!(bind(ip, (0, 0)).is_ok());
    }
}
