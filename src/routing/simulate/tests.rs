//! The engine against queueing theory, and the simulator against itself.

use super::*;
use crate::routing::Level;

fn erlang(days: u32, continuous: bool) -> Scenario {
    let desk = DeskConfig {
        max_wait: None,
        queue_limit: u32::MAX,
        serve_out_at_closing: true,
        ..DeskConfig::default()
    };
    Scenario {
        agents: vec![SimAgent { skills: Vec::new(), chats: 1, translation: false }; 3],
        per_day: 40.0,
        hourly: vec![1.0; 7],
        days,
        continuous,
        channels: vec![ChannelShare { channel: Channel::Phone, share: 1.0 }],
        languages: Vec::new(),
        handling: Length::Exponential(Millis::from_mins(15)),
        wrap_up: None,
        patience: None,
        answer_delay: Millis::ZERO,
        missed: 0.0,
        desk,
        pool: PoolConfig::default(),
        seed: 1,
    }
}

/// Within three percent.
fn near(found: f64, theory: f64, what: &str) {
    assert!((found / theory - 1.0).abs() < 0.03, "{what}: {found} instead of {theory}");
}

#[test]
fn without_closing_the_engine_agrees_with_erlang_c() {
    let figures = run(&erlang(4_000, true)).unwrap();
    // Erlang C: 3 servers, 40/7 an hour, 15 min: P(wait) 0.2139, within 20 s 0.795, mean wait 121 s.
    near(figures.all.service_level, 0.795, "service level");
    near(figures.all.mean_wait_s, 121.0, "mean wait");
    near(figures.occupancy, 40.0 * 15.0 / (7.0 * 60.0 * 3.0), "occupancy");
    assert_eq!(figures.all.answered, figures.all.offered);
}

#[test]
fn days_that_start_empty_agree_with_an_independent_simulation() {
    let figures = run(&erlang(4_000, false)).unwrap();
    near(figures.all.service_level, 0.811, "service level");
    near(figures.all.mean_wait_s, 109.0, "mean wait");
    assert_eq!(figures.all.answered, figures.all.offered);
}

#[test]
fn with_patience_the_engine_agrees_with_erlang_a() {
    let scenario =
        Scenario { patience: Some(Length::Exponential(Millis::from_mins(5))), ..erlang(4_000, true) };
    let figures = run(&scenario).unwrap();
    // Erlang A as a birth-death chain: arrivals λ, service min(n,3)·μ, giving up (n-3)·θ.
    let (lambda, mu, theta) = (40.0 / 7.0, 4.0, 12.0);
    let (mut weight, mut sum, mut queue) = (1.0, 1.0, 0.0);
    for n in 1..200_u32 {
        let n = f64::from(n);
        weight *= lambda / (n.min(3.0) * mu + (n - 3.0).max(0.0) * theta);
        sum += weight;
        queue += weight * (n - 3.0).max(0.0);
    }
    near(figures.all.abandonment, theta * queue / sum / lambda, "abandonment");
    assert_eq!(figures.all.answered + figures.all.abandoned, figures.all.offered);
}

#[test]
fn the_same_seed_gives_the_same_day_and_another_seed_another() {
    let run_with = |seed| run(&Scenario { seed, ..erlang(20, false) }).unwrap();
    assert_eq!(run_with(5), run_with(5));
    assert_ne!(run_with(5).all.mean_wait_s, run_with(6).all.mean_wait_s);
}

#[test]
fn more_agents_wait_less_and_missed_offers_cost_time() {
    let wait = |agents: usize, missed: f64| {
        let mut scenario = erlang(400, false);
        scenario.agents = vec![scenario.agents[0].clone(); agents];
        scenario.missed = missed;
        run(&scenario).unwrap().all.mean_wait_s
    };
    let (three, four) = (wait(3, 0.0), wait(4, 0.0));
    assert!(four < three / 2.0, "{four} {three}");
    assert!(wait(3, 0.1) > three, "a missed offer rings before it goes on");
}

#[test]
fn channels_languages_and_wrap_up_are_told_apart() {
    let tag = |text| Tag::new(text).unwrap();
    let speaks = |text, level| SkillLevel {
        skill: crate::routing::Skill::Language { tag: tag(text) },
        level: Level::clamped(level),
    };
    let mut scenario = erlang(200, false);
    scenario.agents = vec![
        SimAgent { skills: vec![speaks("ja", 5)], chats: 2, translation: false },
        SimAgent { skills: vec![speaks("ja", 3), speaks("vi", 5)], chats: 2, translation: false },
        SimAgent { skills: vec![speaks("ja", 4)], chats: 2, translation: true },
    ];
    scenario.channels = vec![
        ChannelShare { channel: Channel::Phone, share: 3.0 },
        ChannelShare { channel: Channel::Chat, share: 1.0 },
    ];
    scenario.languages = vec![(tag("ja"), 0.8), (tag("vi"), 0.2)];
    scenario.handling = Length::LogNormal { mean: Millis::from_mins(9), cv: 0.7 };
    scenario.wrap_up = Some(Length::Fixed(Millis::from_mins(2)));
    let figures = run(&scenario).unwrap();
    let phone = figures.channels.iter().find(|c| c.channel == Channel::Phone).unwrap();
    let chat = figures.channels.iter().find(|c| c.channel == Channel::Chat).unwrap();
    assert_eq!(phone.counts.offered + chat.counts.offered, figures.all.offered);
    assert!(phone.counts.offered > 2 * chat.counts.offered);
    near(figures.all.mean_handling_s, 660.0, "talk and wrap-up");
    assert!(figures.occupancy > 0.0 && figures.occupancy < 1.0);
}

#[test]
fn a_scenario_without_sense_is_refused() {
    let refused = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = erlang(1, false);
        change(&mut scenario);
        run(&scenario).unwrap_err()
    };
    assert_eq!(refused(&|s| s.agents.clear()), ScenarioError::Agents);
    assert_eq!(refused(&|s| s.hourly.clear()), ScenarioError::Hours);
    assert_eq!(refused(&|s| s.hourly = vec![1.0; 25]), ScenarioError::Hours);
    assert_eq!(refused(&|s| s.hourly = vec![0.0, f64::NAN]), ScenarioError::Hours);
    assert_eq!(refused(&|s| s.days = 0), ScenarioError::Contacts);
    assert_eq!(refused(&|s| s.per_day = 1e12), ScenarioError::Contacts);
    assert_eq!(refused(&|s| s.per_day = f64::NAN), ScenarioError::Contacts);
    assert_eq!(refused(&|s| s.channels.clear()), ScenarioError::Shares);
    assert_eq!(refused(&|s| s.missed = 1.0), ScenarioError::Missed);
    assert_eq!(refused(&|s| s.handling = Length::Exponential(Millis::ZERO)), ScenarioError::Lengths);
}
