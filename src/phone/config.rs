//! The settings of the phone (`[phone]` in the configuration file).

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use crate::kernel::time::Millis;
use crate::media::peer::PeerConfig;

use super::trunk::{Net, PeerConfig as Carrier, Transport, TrunkConfig};

/// See the module. Every key stands in `config.default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneConfig {
    /// Address of the SIP listeners, UDP and TCP; empty switches the phone off.
    pub listen: String,
    /// The address that carriers and browsers reach this machine at; empty: that of `listen`.
    pub public_address: String,
    /// First and last UDP port of the carriers' sound, in pairs.
    pub rtp_ports: String,
    /// First and last UDP port of the browsers' sound.
    pub browser_ports: String,
    /// `host:port` of the one carrier that calls here and is called; more than one stand under
    /// `phone.trunk`.
    pub carrier: String,
    /// A call whose sound stops coming for so long is ended, in seconds.
    pub silence_secs: u32,
    /// Everything else about the trunk.
    #[serde(default)]
    pub trunk: Option<TrunkConfig>,
}

/// The settings, read and checked.
#[derive(Clone, Debug)]
pub struct Ready {
    pub sip: SocketAddr,
    reach: IpAddr,
    pub rtp_ports: (u16, u16),
    browser_ports: (u16, u16),
    silence: Millis,
    pub trunk: TrunkConfig,
}

/// The carrier that stands for `phone.carrier`, or for this machine when none is named.
pub const CARRIER: &str = "carrier";

impl PhoneConfig {
    /// Checks the settings; `None` when the phone is off.
    ///
    /// # Errors
    /// Names the key at fault.
    pub fn ready(&self) -> Result<Option<Ready>, String> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let sip: SocketAddr =
            self.listen.parse().map_err(|_| "phone.listen is not an address and port".to_owned())?;
        let reach = match self.public_address.as_str() {
            "" => sip.ip(),
            text => text.parse().map_err(|_| "phone.public_address is not an IP address".to_owned())?,
        };
        if reach.is_unspecified() {
            return Err("phone.public_address is needed when phone.listen is every address".to_owned());
        }
        let rtp_ports = span(&self.rtp_ports).ok_or("phone.rtp_ports is not FIRST-LAST")?;
        let browser_ports = span(&self.browser_ports).ok_or("phone.browser_ports is not FIRST-LAST")?;
        if rtp_ports.0 <= browser_ports.1 && browser_ports.0 <= rtp_ports.1 {
            return Err("phone.rtp_ports and phone.browser_ports overlap".to_owned());
        }
        if self.silence_secs == 0 {
            return Err("phone.silence_secs starts at 1".to_owned());
        }
        let mut trunk = self.trunk.clone().unwrap_or_default();
        if self.trunk.is_none() {
            (trunk.udp, trunk.tcp) = (vec![sip], vec![sip]);
        }
        trunk.public_address = trunk.public_address.or(Some(reach));
        trunk.peers.extend(self.carrier(&trunk, sip.ip())?);
        let silence = Millis::from_secs(self.silence_secs.into());
        Ok(Some(Ready { sip, reach, rtp_ports, browser_ports, silence, trunk }))
    }

    /// On a listener that only this machine reaches, this machine may call without being named: nobody
    /// else can.
    fn carrier(&self, trunk: &TrunkConfig, listen: IpAddr) -> Result<Option<Carrier>, String> {
        let peer = |addresses, target| Carrier {
            name: CARRIER.to_owned(),
            addresses,
            transport: Transport::Udp,
            target,
            domain: None,
            dialled_from: super::trunk::DialledFrom::default(),
        };
        if self.carrier.is_empty() {
            let local = listen.is_loopback() && trunk.peers.is_empty() && trunk.registrations.is_empty();
            return Ok(local.then(|| peer(Net::parse(&listen.to_string()).into_iter().collect(), None)));
        }
        let address: SocketAddr =
            self.carrier.parse().map_err(|_| "phone.carrier is not ADDRESS:PORT".to_owned())?;
        let from = Net::parse(&address.ip().to_string()).into_iter().collect();
        Ok(Some(peer(from, Some(self.carrier.clone()))))
    }
}

impl Ready {
    /// The address that sockets are bound to.
    #[must_use]
    pub const fn bind(&self) -> IpAddr {
        self.sip.ip()
    }

    /// The address that others are told.
    #[must_use]
    pub const fn reach(&self) -> IpAddr {
        self.reach
    }

    /// How long sound may be missing.
    #[must_use]
    pub const fn silence(&self) -> Millis {
        self.silence
    }

    /// How a browser's connection is set up.
    #[must_use]
    pub fn peer(&self) -> PeerConfig {
        let mut config = PeerConfig::new(self.bind());
        config.ports = self.browser_ports;
        if self.reach != self.bind() {
            config.public = vec![self.reach];
        }
        config
    }
}

/// `FIRST-LAST`.
fn span(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first > 0 && first < last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str) -> PhoneConfig {
        PhoneConfig {
            listen: listen.into(),
            public_address: String::new(),
            rtp_ports: "20000-20009".into(),
            browser_ports: "20010-20019".into(),
            carrier: String::new(),
            silence_secs: 60,
            trunk: None,
        }
    }

    #[test]
    fn what_cannot_work_is_named() {
        assert!(config("").ready().unwrap().is_none());
        let fault = |change: fn(&mut PhoneConfig)| {
            let mut config = config("127.0.0.1:5060");
            change(&mut config);
            config.ready().unwrap_err()
        };
        assert!(fault(|c| c.listen = "nowhere".into()).contains("phone.listen"));
        assert!(fault(|c| c.listen = "0.0.0.0:5060".into()).contains("public_address"));
        assert!(fault(|c| c.rtp_ports = "5".into()).contains("rtp_ports"));
        assert!(fault(|c| c.browser_ports = "20009-20020".into()).contains("overlap"));
        assert!(fault(|c| c.carrier = "somewhere".into()).contains("phone.carrier"));
    }

    #[test]
    fn only_a_local_listener_takes_calls_of_its_own_machine_unnamed() {
        assert_eq!(config("127.0.0.1:5060").ready().unwrap().unwrap().trunk.peers.len(), 1);
        let mut open = config("0.0.0.0:5060");
        open.public_address = "192.0.2.1".into();
        assert!(open.ready().unwrap().unwrap().trunk.peers.is_empty());
        open.carrier = "192.0.2.9:5060".into();
        let ready = open.ready().unwrap().unwrap();
        assert!(ready.trunk.peers[0].addresses[0].contains("192.0.2.9".parse().unwrap()));
        assert_eq!(ready.reach().to_string(), "192.0.2.1");
    }
}
