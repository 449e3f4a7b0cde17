//! Session timers (RFC 4028): who refreshes, when, and when a silent call is over. Pure reckoning; the call
//! asks here and does the sending.

use crate::kernel::time::{Millis, Timestamp};

/// RFC 4028 §10: the side that waits gives up a third of the interval early, but no more than this.
const GIVE_UP_EARLY_SECS: u32 = 32;

/// Which end of a request does the refreshing: its sender (`uac`) or its receiver (`uas`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refresher {
    Uac,
    Uas,
}

/// `Session-Expires` as written (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expires {
    pub secs: u32,
    pub refresher: Option<Refresher>,
}

impl Expires {
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let secs = parts.next()?.parse().ok()?;
        let refresher = parts.find_map(|p| match p.split_once('=') {
            Some((k, v)) if k.trim().eq_ignore_ascii_case("refresher") => {
                match v.trim().to_ascii_lowercase().as_str() {
                    "uac" => Some(Refresher::Uac),
                    "uas" => Some(Refresher::Uas),
                    _ => None,
                }
            }
            _ => None,
        });
        Some(Self { secs, refresher })
    }

    pub fn value(self) -> String {
        match self.refresher {
            Some(Refresher::Uac) => format!("{};refresher=uac", self.secs),
            Some(Refresher::Uas) => format!("{};refresher=uas", self.secs),
            None => self.secs.to_string(),
        }
    }
}

/// What a request or response says about session timers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub expires: Option<Expires>,
    pub min_secs: Option<u32>,
    /// `timer` in Supported or Require.
    pub supported: bool,
}

/// What this program wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub min_secs: u32,
    pub default_secs: u32,
}

/// An agreed interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub secs: u32,
    pub ours: bool,
    /// When the last refresh succeeded.
    since: Timestamp,
}

impl Agreed {
    /// A refresh succeeded.
    pub fn restart(&mut self, now: Timestamp) {
        self.since = now;
    }

    /// When this side has to act: refresh at half the interval when that is ours (§7.2), else give up.
    pub fn due(&self) -> Timestamp {
        if self.ours { self.since + Millis(i64::from(self.secs) * 500) } else { self.end() }
    }

    /// When the call is over unless a refresh came (§10).
    pub fn end(&self) -> Timestamp {
        let early = GIVE_UP_EARLY_SECS.min(self.secs / 3);
        self.since + Millis::from_secs(i64::from(self.secs - early))
    }
}

/// The far side asks, we answer (§9): what goes in the 2xx, or 422 with our minimum.
pub(super) fn as_uas(said: Said, wish: Wish, now: Timestamp) -> Result<(Expires, Agreed), u32> {
    if said.supported && said.expires.is_some_and(|e| e.secs < wish.min_secs) {
        return Err(wish.min_secs);
    }
    let floor = wish.min_secs.max(said.min_secs.unwrap_or(0));
    let asked = said.expires.map_or(wish.default_secs, |e| e.secs);
    let secs = asked.min(wish.default_secs).max(floor);
    let refresher = match said.expires.and_then(|e| e.refresher) {
        // A side that does not know timers cannot be told to refresh (§9, table 2).
        _ if !said.supported => Refresher::Uas,
        Some(asked) => asked,
        None if said.expires.is_some() => Refresher::Uac,
        None => Refresher::Uas,
    };
    let agreed = Agreed { secs, ours: refresher == Refresher::Uas, since: now };
    Ok((Expires { secs, refresher: Some(refresher) }, agreed))
}

/// We asked, the far side answered with 2xx (§7.2). Without Session-Expires there is no timer.
pub(super) fn as_uac(said: Said, now: Timestamp) -> Option<Agreed> {
    let expires = said.expires.filter(|e| e.secs > 0)?;
    Some(Agreed { secs: expires.secs, ours: expires.refresher != Some(Refresher::Uas), since: now })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: Wish = Wish { min_secs: 90, default_secs: 1800 };
    const NOW: Timestamp = Timestamp(1_000_000);

    fn said(value: &str, supported: bool) -> Said {
        Said { expires: Expires::parse(value), min_secs: None, supported }
    }

    #[test]
    fn the_answer_follows_table_2() {
        let answer = |s| as_uas(s, WISH, NOW).map(|(e, a)| (e.value(), a.ours));
        assert_eq!(answer(said("600;refresher=uac", true)), Ok(("600;refresher=uac".into(), false)));
        assert_eq!(answer(said("600 ; refresher=UAS", true)), Ok(("600;refresher=uas".into(), true)));
        assert_eq!(answer(said("600", true)), Ok(("600;refresher=uac".into(), false)));
        assert_eq!(answer(said("600", false)), Ok(("600;refresher=uas".into(), true)));
        assert_eq!(answer(said("", true)), Ok(("1800;refresher=uas".into(), true)));
        assert_eq!(answer(said("9000", true)), Ok(("1800;refresher=uac".into(), false)));
        assert_eq!(answer(said("30", true)), Err(90));
        assert_eq!(answer(said("30", false)), Ok(("90;refresher=uas".into(), true)));
        let high = Said { min_secs: Some(3600), ..said("3600", true) };
        assert_eq!(answer(high), Ok(("3600;refresher=uac".into(), false)));
    }

    #[test]
    fn we_refresh_at_half_and_give_up_before_the_end() {
        let ours = as_uac(said("100;refresher=uac", true), NOW).unwrap();
        assert_eq!(ours.due(), NOW + Millis::from_secs(50));
        assert_eq!(ours.end(), NOW + Millis::from_secs(68));
        let theirs = as_uac(said("90;refresher=uas", true), NOW).unwrap();
        assert_eq!(theirs.due(), NOW + Millis::from_secs(60));
        assert_eq!(as_uac(Said::default(), NOW), None);
    }
}
