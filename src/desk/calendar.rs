//! When a desk is open: weekly hours, holidays by law, the year's end, and the days that override them.
//!
//! Holidays follow the Act on National Holidays (国民の祝日に関する法律) as it stands since 2022: article 2
//! names the days, article 3 (2) moves a holiday that falls on a Sunday to the next day that is none
//! (振替休日), article 3 (3) frees a day that lies between two holidays (国民の休日). The equinoxes are
//! computed (valid 1980–2099) and can be overridden once the official gazette has named them.
//! Offices of the state rest from 29 December to 3 January (行政機関の休日に関する法律, article 1).

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::time::Timestamp;

/// Days that are searched for the next opening or closing; a desk that stays shut (or open) for longer has
/// no next change.
pub const SEARCH_DAYS_MAX: i32 = 400;

/// Opening spans in one day; more are refused by [`Hours::check`].
pub const SPANS_MAX: usize = 6;

/// Minutes in a day; the largest value of a span's end.
pub const DAY_MIN: i16 = 1440;

/// A stretch of one day in minutes since local midnight, `from_min` included, `to_min` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Span {
    #[schema(example = 540)]
    pub from_min: i16,
    #[schema(example = 1020)]
    pub to_min: i16,
}

/// The hours of a desk (`desks.hours`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hours {
    /// Seven lists, Monday first.
    pub weekly: Vec<Vec<Span>>,
    /// Whether holidays by law and 29 December to 3 January close the desk.
    pub closed_on_holidays: bool,
}

/// Why hours are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    #[error("there must be seven days")]
    Days,
    #[error("more than {SPANS_MAX} spans in one day")]
    TooMany,
    #[error("a span must lie within the day and end after it begins")]
    Span,
    #[error("spans must be in order and apart")]
    Order,
}

impl Hours {
    /// Monday to Friday from `from_min` to `to_min`, closed on holidays.
    #[must_use]
    pub fn office(from_min: i16, to_min: i16) -> Self {
        let day = vec![Span { from_min, to_min }];
        let mut weekly = vec![day; 5];
        weekly.extend([Vec::new(), Vec::new()]);
        Self { weekly, closed_on_holidays: true }
    }

    /// Day and night, on every day.
    #[must_use]
    pub fn always() -> Self {
        let day = vec![Span { from_min: 0, to_min: DAY_MIN }];
        Self { weekly: vec![day; 7], closed_on_holidays: false }
    }

    /// Refuses hours that make no sense.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), HoursError> {
        if self.weekly.len() != 7 {
            return Err(HoursError::Days);
        }
        for day in &self.weekly {
            if day.len() > SPANS_MAX {
                return Err(HoursError::TooMany);
            }
            if day.iter().any(|s| s.from_min < 0 || s.to_min > DAY_MIN || s.from_min >= s.to_min) {
                return Err(HoursError::Span);
            }
            if day.windows(2).any(|pair| pair[0].to_min > pair[1].from_min) {
                return Err(HoursError::Order);
            }
        }
        Ok(())
    }
}

/// What an override makes of its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// Closed, whatever the week says.
    Closed,
    /// The hours of its weekday hold, although the day is a holiday.
    Open,
    /// The override's own hours hold.
    Hours,
}

/// An override as it stands for one desk (the desk's own row wins over the row for all desks).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRule {
    pub kind: DayKind,
    /// Used by [`DayKind::Hours`] only.
    pub span: Option<Span>,
}

/// Answers when one desk is open.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    hours: Hours,
    overrides: BTreeMap<Date, DayRule>,
}

impl Calendar {
    #[must_use]
    pub const fn new(zone: TimeZone, hours: Hours, overrides: BTreeMap<Date, DayRule>) -> Self {
        Self { zone, hours, overrides }
    }

    /// The local day of `at`.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> Date {
        local_day(&self.zone, at)
    }

    /// The spans in which the desk is open on `day`.
    #[must_use]
    pub fn spans(&self, day: Date) -> Vec<Span> {
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or_default();
        let weekly = || self.hours.weekly.get(weekday).cloned().unwrap_or_default();
        match self.overrides.get(&day) {
            Some(DayRule { kind: DayKind::Closed, .. }) => Vec::new(),
            Some(DayRule { kind: DayKind::Open, .. }) => weekly(),
            Some(DayRule { kind: DayKind::Hours, span }) => span.iter().copied().collect(),
            None if self.hours.closed_on_holidays && is_public_closing(day) => Vec::new(),
            None => weekly(),
        }
    }

    /// Whether the desk is open at `at`.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.instants(self.day_of(at)).iter().any(|(from, to)| *from <= at && at < *to)
    }

    /// The next moment after `at` at which the desk opens or closes.
    #[must_use]
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let mut closes: Option<Timestamp> = None;
        let mut day = self.day_of(at);
        for _ in 0..SEARCH_DAYS_MAX {
            for (from, to) in self.instants(day) {
                match closes {
                    // Spans that touch, also over midnight, are one.
                    Some(end) if from <= end => closes = Some(end.max(to)),
                    Some(end) => return Some(end),
                    None if from > at => return Some(from),
                    None if to > at => closes = Some(to),
                    None => {}
                }
            }
            // The day's end is reached: only a span that lasts until midnight may go on.
            if let Some(end) = closes
                && day.tomorrow().is_ok_and(|next| self.instant(next, 0) > end)
            {
                return Some(end);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// When the desk opens next; `at` itself when it is open.
    #[must_use]
    pub fn opens_at(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) { Some(at) } else { self.next_change(at) }
    }

    /// When the desk closes next, when it is open at `at`.
    #[must_use]
    pub fn closes_at(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) { self.next_change(at) } else { None }
    }

    fn instants(&self, day: Date) -> Vec<(Timestamp, Timestamp)> {
        self.spans(day)
            .into_iter()
            .map(|s| (self.instant(day, s.from_min), self.instant(day, s.to_min)))
            .collect()
    }

    /// Minute `min` of `day` as an instant; minute 1440 is the next midnight.
    fn instant(&self, day: Date, min: i16) -> Timestamp {
        let (day, min) = if min >= DAY_MIN { (day.tomorrow().unwrap_or(day), 0) } else { (day, min) };
        let (hour, minute) = (i8::try_from(min / 60).unwrap_or(0), i8::try_from(min % 60).unwrap_or(0));
        let zoned = day.at(hour, minute, 0, 0).to_zoned(self.zone.clone());
        Timestamp(zoned.map_or(0, |z| z.timestamp().as_millisecond()))
    }
}

/// The day of `at` in `zone`.
#[must_use]
pub fn local_day(zone: &TimeZone, at: Timestamp) -> Date {
    local_time(zone, at).date()
}

/// The quarter of an hour of `at` in `zone`: 0 (from midnight) to 95.
#[must_use]
pub fn quarter_of(zone: &TimeZone, at: Timestamp) -> u8 {
    let time = local_time(zone, at);
    u8::try_from(i16::from(time.hour()) * 4 + i16::from(time.minute()) / 15).unwrap_or(0)
}

fn local_time(zone: &TimeZone, at: Timestamp) -> jiff::Zoned {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(zone.clone())
}

/// A holiday by law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holiday {
    pub day: Date,
    /// The law's own word.
    pub name_ja: &'static str,
    pub name_en: &'static str,
}

/// The holidays of `year` (2022–2099) in order, moved and in-between days included.
#[must_use]
pub fn holidays_of(year: i16) -> Vec<Holiday> {
    let named: BTreeMap<Date, (&'static str, &'static str)> = named_holidays(year).collect();
    let mut all = named.clone();
    for day in named.keys().filter(|d| d.weekday() == Weekday::Sunday) {
        let mut moved = *day;
        while named.contains_key(&moved) {
            let Ok(next) = moved.tomorrow() else { break };
            moved = next;
        }
        all.insert(moved, ("振替休日", "Substitute holiday"));
    }
    for day in named.keys() {
        let Ok(between) = day.tomorrow() else { continue };
        let framed = between.tomorrow().is_ok_and(|next| named.contains_key(&next));
        if framed && !all.contains_key(&between) {
            all.insert(between, ("国民の休日", "Citizens' holiday"));
        }
    }
    all.into_iter().map(|(day, (name_ja, name_en))| Holiday { day, name_ja, name_en }).collect()
}

/// The holiday by law on `day`.
#[must_use]
pub fn holiday_on(day: Date) -> Option<Holiday> {
    holidays_of(day.year()).into_iter().find(|h| h.day == day)
}

/// Whether offices of the state rest on `day` by law (a holiday, or the turn of the year).
#[must_use]
pub fn is_public_closing(day: Date) -> bool {
    is_year_end(day) || holiday_on(day).is_some()
}

/// 29 December to 3 January.
#[must_use]
pub fn is_year_end(day: Date) -> bool {
    (day.month() == 12 && day.day() >= 29) || (day.month() == 1 && day.day() <= 3)
}

fn named_holidays(year: i16) -> impl Iterator<Item = (Date, (&'static str, &'static str))> {
    let fixed = |month, day| Date::new(year, month, day).ok();
    let monday = |month, nth| {
        Date::new(year, month, 1).ok().and_then(|d| d.nth_weekday_of_month(nth, Weekday::Monday).ok())
    };
    [
        (fixed(1, 1), ("元日", "New Year's Day")),
        (monday(1, 2), ("成人の日", "Coming of Age Day")),
        (fixed(2, 11), ("建国記念の日", "National Foundation Day")),
        (fixed(2, 23), ("天皇誕生日", "The Emperor's Birthday")),
        (fixed(3, equinox(year, 208_431)), ("春分の日", "Vernal Equinox Day")),
        (fixed(4, 29), ("昭和の日", "Showa Day")),
        (fixed(5, 3), ("憲法記念日", "Constitution Memorial Day")),
        (fixed(5, 4), ("みどりの日", "Greenery Day")),
        (fixed(5, 5), ("こどもの日", "Children's Day")),
        (monday(7, 3), ("海の日", "Marine Day")),
        (fixed(8, 11), ("山の日", "Mountain Day")),
        (monday(9, 3), ("敬老の日", "Respect for the Aged Day")),
        (fixed(9, equinox(year, 232_488)), ("秋分の日", "Autumnal Equinox Day")),
        (monday(10, 2), ("スポーツの日", "Sports Day")),
        (fixed(11, 3), ("文化の日", "Culture Day")),
        (fixed(11, 23), ("勤労感謝の日", "Labour Thanksgiving Day")),
    ]
    .into_iter()
    .filter_map(|(day, names)| day.map(|d| (d, names)))
}

/// The day of the month of an equinox: `base` is its moment in 1980 in ten-thousandths of a day, the year
/// is 365.242194 days long, and a leap year gives one day back.
fn equinox(year: i16, base: i32) -> i8 {
    let years = i32::from(year) - 1980;
    let millionths = base * 100 + 242_194 * years;
    i8::try_from(millionths / 1_000_000 - years / 4).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn tokyo() -> TimeZone {
        TimeZone::get("Asia/Tokyo").unwrap()
    }

    fn at(day: Date, hour: i8, minute: i8) -> Timestamp {
        Timestamp(day.at(hour, minute, 0, 0).to_zoned(tokyo()).unwrap().timestamp().as_millisecond())
    }

    fn calendar(hours: Hours) -> Calendar {
        Calendar::new(tokyo(), hours, BTreeMap::new())
    }

    #[test]
    fn moved_and_in_between_holidays_follow_the_law() {
        let name = |d| holiday_on(d).map(|h| h.name_ja);
        assert_eq!(name(date(2025, 5, 6)), Some("振替休日"));
        assert_eq!(name(date(2025, 11, 24)), Some("振替休日"));
        assert_eq!(name(date(2026, 5, 6)), Some("振替休日"));
        assert_eq!(name(date(2026, 9, 22)), Some("国民の休日"));
        assert_eq!(name(date(2027, 3, 22)), Some("振替休日"));
        assert_eq!(name(date(2026, 3, 20)), Some("春分の日"));
        assert_eq!(name(date(2026, 9, 23)), Some("秋分の日"));
        assert_eq!(name(date(2024, 9, 22)), Some("秋分の日"));
        assert_eq!(name(date(2026, 11, 24)), None);
        assert_eq!(name(date(2026, 5, 7)), None);
    }

    #[test]
    fn the_count_of_holidays_of_known_years_is_right() {
        // Cabinet Office list: 2025 and 2026 have these many days, moved ones included.
        assert_eq!(holidays_of(2025).len(), 19);
        assert_eq!(holidays_of(2026).len(), 18);
    }

    #[test]
    fn business_days_of_two_fiscal_years_are_right() {
        let count = |year: i16| {
            let mut day = date(year, 4, 1);
            let mut n = 0;
            while day < date(year + 1, 4, 1) {
                let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
                n += i32::from(!weekend && !is_public_closing(day));
                day = day.tomorrow().unwrap();
            }
            n
        };
        assert_eq!(count(2025), 242);
        assert_eq!(count(2026), 241);
    }

    #[test]
    fn an_office_opens_and_closes_and_sleeps_over_the_weekend() {
        let desk = calendar(Hours::office(9 * 60, 17 * 60));
        let tuesday = date(2026, 11, 24);
        let monday_holiday = date(2026, 11, 23);
        assert!(!desk.is_open(at(tuesday, 8, 59)) && desk.is_open(at(tuesday, 9, 0)));
        assert!(desk.is_open(at(tuesday, 16, 59)) && !desk.is_open(at(tuesday, 17, 0)));
        assert!(!desk.is_open(at(monday_holiday, 10, 0)));
        assert_eq!(desk.next_change(at(tuesday, 10, 0)), Some(at(tuesday, 17, 0)));
        // Friday evening: Saturday, Sunday and the holiday pass.
        assert_eq!(desk.opens_at(at(date(2026, 11, 20), 17, 0)), Some(at(tuesday, 9, 0)));
        assert_eq!(desk.closes_at(at(tuesday, 9, 0)), Some(at(tuesday, 17, 0)));
        assert_eq!(desk.closes_at(at(tuesday, 8, 0)), None);
    }

    #[test]
    fn the_year_s_end_is_closed() {
        let desk = calendar(Hours::office(540, 1020));
        assert_eq!(desk.opens_at(at(date(2026, 12, 28), 17, 0)), Some(at(date(2027, 1, 4), 9, 0)));
    }

    #[test]
    fn a_lunch_break_is_two_changes_and_touching_spans_are_none() {
        let mut hours = Hours::office(540, 1020);
        hours.weekly[1] = vec![Span { from_min: 540, to_min: 720 }, Span { from_min: 780, to_min: 1020 }];
        hours.weekly[2] = vec![Span { from_min: 540, to_min: 720 }, Span { from_min: 720, to_min: 1020 }];
        let desk = calendar(hours);
        let (tuesday, wednesday) = (date(2026, 11, 24), date(2026, 11, 25));
        assert_eq!(desk.next_change(at(tuesday, 11, 0)), Some(at(tuesday, 12, 0)));
        assert_eq!(desk.next_change(at(tuesday, 12, 0)), Some(at(tuesday, 13, 0)));
        assert_eq!(desk.next_change(at(wednesday, 11, 0)), Some(at(wednesday, 17, 0)));
    }

    #[test]
    fn a_desk_that_never_closes_has_no_next_change_and_midnight_is_none() {
        let always = calendar(Hours::always());
        assert_eq!(always.next_change(at(date(2026, 11, 24), 12, 0)), None);
        let mut hours = Hours::office(540, 1440);
        hours.weekly[2] = vec![Span { from_min: 0, to_min: 120 }];
        let night = calendar(hours);
        assert_eq!(night.next_change(at(date(2026, 11, 24), 23, 0)), Some(at(date(2026, 11, 25), 2, 0)));
        assert_eq!(night.next_change(at(date(2026, 11, 26), 23, 0)), Some(at(date(2026, 11, 27), 0, 0)));
    }

    #[test]
    fn overrides_win_over_week_and_law() {
        let rule = |kind, span| DayRule { kind, span };
        let overrides = BTreeMap::from([
            (date(2026, 11, 23), rule(DayKind::Open, None)),
            (date(2026, 11, 24), rule(DayKind::Closed, None)),
            (date(2026, 11, 28), rule(DayKind::Hours, Some(Span { from_min: 600, to_min: 660 }))),
        ]);
        let desk = Calendar::new(tokyo(), Hours::office(540, 1020), overrides);
        assert!(desk.is_open(at(date(2026, 11, 23), 10, 0)));
        assert!(!desk.is_open(at(date(2026, 11, 24), 10, 0)));
        assert!(desk.is_open(at(date(2026, 11, 28), 10, 30)) && !desk.is_open(at(date(2026, 11, 28), 11, 0)));
    }

    #[test]
    fn nonsense_hours_are_refused() {
        let mut hours = Hours::always();
        assert_eq!(hours.check(), Ok(()));
        hours.weekly[0] = vec![Span { from_min: 600, to_min: 540 }];
        assert_eq!(hours.check(), Err(HoursError::Span));
        hours.weekly[0] = vec![Span { from_min: 0, to_min: 700 }, Span { from_min: 600, to_min: 900 }];
        assert_eq!(hours.check(), Err(HoursError::Order));
        hours.weekly.pop();
        assert_eq!(hours.check(), Err(HoursError::Days));
    }
}
