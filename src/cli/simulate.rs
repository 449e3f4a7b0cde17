//! `madoguchi simulate`: the engine in virtual time, for the question "three agents or four?".

use std::io::Write;

use clap::Args;

use crate::kernel::time::Millis;
use crate::routing::simulate::{self, ChannelShare, Figures, Length, Scenario, SimAgent};
use crate::routing::{Channel, DeskConfig, Level, PoolConfig, Skill, SkillLevel, Tag};

/// Options of `madoguchi simulate`. Lengths of time are written as 90s, 15m or 1h30m.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// Number of agents who are all alike.
    #[arg(long, default_value_t = 3)]
    agents: usize,
    /// One agent by its languages and levels, e.g. "ja:5,vi:3"; "+" at the end: may use translation.
    /// Repeat it for each agent; replaces --agents.
    #[arg(long = "agent", value_parser = agent)]
    each: Vec<SimAgent>,
    /// Contacts expected on one day.
    #[arg(long, default_value_t = 40.0)]
    per_day: f64,
    /// Opening hours of a day.
    #[arg(long, default_value_t = 7)]
    hours: u32,
    /// Relative weight of each opening hour, e.g. "1,2,2,1,2,2,1"; replaces --hours.
    #[arg(long, value_delimiter = ',')]
    hourly: Vec<f64>,
    /// Days to play.
    #[arg(long, default_value_t = 250)]
    days: u32,
    /// One long day without closing, instead of days that each start empty.
    #[arg(long)]
    continuous: bool,
    /// Time from answer to the end of the talk: exp:MEAN, lognormal:MEAN:CV or fixed:LENGTH.
    #[arg(long, default_value = "lognormal:15m:0.8", value_parser = length)]
    handling: Length,
    /// Work after the talk, written the same way; left out: --handling holds it already.
    #[arg(long, value_parser = length)]
    wrap_up: Option<Length>,
    /// How long inquirers wait before they give up: none, exp:MEAN, lognormal:MEAN:CV or fixed:LENGTH.
    #[arg(long, default_value = "none", value_parser = patience)]
    patience: Patience,
    /// Shares of the channels, e.g. "phone:6,chat:3,meeting:1".
    #[arg(long, default_value = "phone:1", value_delimiter = ',', value_parser = channel)]
    channels: Vec<ChannelShare>,
    /// Shares of the languages asked for, e.g. "ja:8,vi:2"; left out: nobody asks for one.
    #[arg(long, value_delimiter = ',', value_parser = language)]
    languages: Vec<(Tag, f64)>,
    /// Chats that each agent holds side by side.
    #[arg(long, default_value_t = 1)]
    chats: u8,
    /// Time from an offer to the agent's answer.
    #[arg(long, default_value = "0s", value_parser = time)]
    answer_delay: Millis,
    /// Share of offers that an agent lets run out, 0 to below 1.
    #[arg(long, default_value_t = 0.0)]
    missed: f64,
    /// An answer within this time counts for the service level.
    #[arg(long, default_value = "20s", value_parser = time)]
    within: Millis,
    /// The service level to compare with, 0 to 1.
    #[arg(long, default_value_t = 0.8)]
    target: f64,
    /// Makes the run repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
struct Patience(Option<Length>);

/// Runs the simulation and prints its figures.
///
/// # Errors
/// When the options make no sense, or the output cannot be written.
pub fn run(args: &SimulateArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let figures = simulate::run(&scenario(args))?;
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &figures)?;
        writeln!(out)?;
        return Ok(());
    }
    print(&figures, args.target, out)?;
    Ok(())
}

fn scenario(args: &SimulateArgs) -> Scenario {
    let alike = SimAgent { skills: Vec::new(), chats: args.chats, translation: !args.languages.is_empty() };
    let hours = usize::try_from(args.hours).unwrap_or(usize::MAX).min(simulate::HOURS_MAX as usize + 1);
    Scenario {
        agents: if args.each.is_empty() {
            vec![alike; args.agents.min(simulate::AGENTS_MAX + 1)]
        } else {
            args.each.iter().map(|agent| SimAgent { chats: args.chats, ..agent.clone() }).collect()
        },
        per_day: args.per_day,
        hourly: if args.hourly.is_empty() { vec![1.0; hours] } else { args.hourly.clone() },
        days: args.days,
        continuous: args.continuous,
        channels: args.channels.clone(),
        languages: args.languages.clone(),
        handling: args.handling,
        wrap_up: args.wrap_up,
        patience: args.patience.0,
        answer_delay: args.answer_delay,
        missed: args.missed,
        // Who waits at closing is served, and nobody is sent away: what theory assumes.
        desk: DeskConfig {
            max_wait: None,
            queue_limit: u32::MAX,
            serve_out_at_closing: true,
            service_level_threshold: args.within,
            ..DeskConfig::default()
        },
        pool: PoolConfig::default(),
        seed: args.seed,
    }
}

fn print(figures: &Figures, target: f64, out: &mut impl Write) -> std::io::Result<()> {
    let all = &figures.all;
    let within = figures.service_level_within_s;
    let verdict = if all.service_level >= target { "reached" } else { "missed" };
    writeln!(out, "agents          {}", figures.agents)?;
    writeln!(out, "days            {} (seed {})", figures.days, figures.seed)?;
    writeln!(out, "offered         {}", all.offered)?;
    writeln!(out, "answered        {}", all.answered)?;
    writeln!(out, "abandoned       {} ({:.1} %)", all.abandoned, all.abandonment * 100.0)?;
    writeln!(out, "diverted        {}", all.diverted)?;
    writeln!(
        out,
        "service level   {:.1} % (answered within {within} s / offered; {:.0} % {verdict})",
        all.service_level * 100.0,
        target * 100.0
    )?;
    writeln!(
        out,
        "wait            mean {:.0} s, median {:.0} s, 95 % within {:.0} s, longest {:.0} s",
        all.mean_wait_s, all.median_wait_s, all.p95_wait_s, all.longest_wait_s
    )?;
    writeln!(out, "handling        mean {:.0} s (talk and wrap-up)", all.mean_handling_s)?;
    writeln!(out, "occupancy       {:.1} % (working / working or ready)", figures.occupancy * 100.0)?;
    if figures.channels.len() > 1 {
        for of in &figures.channels {
            let c = &of.counts;
            writeln!(
                out,
                "  {:<13} {} offered, {} answered, {:.1} % within {within} s, mean wait {:.0} s",
                crate::desk::words::text_of(of.channel),
                c.offered,
                c.answered,
                c.service_level * 100.0,
                c.mean_wait_s
            )?;
        }
    }
    Ok(())
}

fn time(text: &str) -> Result<Millis, String> {
    let length: jiff::SignedDuration =
        text.parse().map_err(|_| format!("{text}: a length of time is wanted, e.g. 90s or 15m"))?;
    i64::try_from(length.as_millis()).map(Millis).map_err(|_| format!("{text}: too long"))
}

fn length(text: &str) -> Result<Length, String> {
    let mut parts = text.split(':');
    let wanted = || format!("{text}: exp:MEAN, lognormal:MEAN:CV or fixed:LENGTH is wanted");
    let (kind, mean) = (parts.next().ok_or_else(wanted)?, parts.next().ok_or_else(wanted)?);
    let mean = time(mean)?;
    let last = parts.next();
    match (kind, last, parts.next()) {
        ("exp", None, None) => Ok(Length::Exponential(mean)),
        ("fixed", None, None) => Ok(Length::Fixed(mean)),
        ("lognormal", Some(cv), None) => {
            let cv = cv.parse().map_err(|_| wanted())?;
            Ok(Length::LogNormal { mean, cv })
        }
        _ => Err(wanted()),
    }
}

fn patience(text: &str) -> Result<Patience, String> {
    if text == "none" { Ok(Patience(None)) } else { length(text).map(|l| Patience(Some(l))) }
}

/// `NAME:SHARE`, or a bare `NAME` with the share 1.
fn shared(text: &str) -> Result<(&str, f64), String> {
    match text.split_once(':') {
        None => Ok((text, 1.0)),
        Some((name, share)) => {
            let share = share.parse().map_err(|_| format!("{text}: NAME:SHARE is wanted"))?;
            Ok((name, share))
        }
    }
}

fn channel(text: &str) -> Result<ChannelShare, String> {
    let (name, share) = shared(text)?;
    let channel: Channel =
        crate::desk::words::word_of(name).map_err(|_| format!("{name}: phone, meeting or chat is wanted"))?;
    Ok(ChannelShare { channel, share })
}

fn language(text: &str) -> Result<(Tag, f64), String> {
    let (name, share) = shared(text)?;
    Tag::new(name).map(|tag| (tag, share)).map_err(|e| format!("{name}: {e}"))
}

fn agent(text: &str) -> Result<SimAgent, String> {
    let (list, translation) = text.strip_suffix('+').map_or((text, false), |list| (list, true));
    let mut skills = Vec::new();
    for part in list.split(',').filter(|part| !part.is_empty()) {
        let (name, level) = part.split_once(':').unwrap_or((part, "3"));
        let tag = Tag::new(name).map_err(|e| format!("{name}: {e}"))?;
        let level = level.parse().map_err(|_| format!("{part}: a level from 1 to 5 is wanted"))?;
        skills.push(SkillLevel { skill: Skill::Language { tag }, level: Level::clamped(level) });
    }
    Ok(SimAgent { skills, chats: 1, translation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        assert_eq!(length("exp:15m"), Ok(Length::Exponential(Millis::from_mins(15))));
        assert_eq!(
            length("lognormal:1h:0.5"),
            Ok(Length::LogNormal { mean: Millis::from_mins(60), cv: 0.5 })
        );
        assert_eq!(length("fixed:90s"), Ok(Length::Fixed(Millis::from_secs(90))));
        assert_eq!(channel("chat:2").unwrap().share.to_bits(), 2.0_f64.to_bits());
        let agent = agent("ja:5,vi+").unwrap();
        assert!(agent.translation && agent.skills.len() == 2);
        for bad in ["", "exp", "exp:", "exp:15m:1", "lognormal:15m", "lognormal:15m:x", "exp:quick"] {
            assert!(length(bad).is_err(), "{bad}");
        }
        assert!(channel("fax").is_err() && language("日本語").is_err() && shared("a:b").is_err());
    }
}
