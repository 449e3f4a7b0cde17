use super::*;
use crate::phone::menu::Choice;

fn known() -> Known {
    let topics = ["1", "5", "7", "11", "99"].map(str::to_owned).into();
    Known { topics, own: ["map".to_owned()].into() }
}

fn standard() -> PhoneDesk {
    standard::desk(DeskId::compose(Timestamp(0), 1), &known().topics)
}

fn faults(desk: &PhoneDesk) -> Vec<(String, &'static str)> {
    desk.clone().check(&known()).map_or_else(|problem| problem.fields.into_iter().collect(), |()| Vec::new())
}

#[test]
fn the_standard_settings_are_fine_and_offer_what_the_installation_has() {
    let mut desk = standard();
    let before = desk.clone();
    assert_eq!(desk.check(&known()), Ok(()));
    assert_eq!(desk, before, "they stand in their one form");
    assert_eq!(desk.menus.len(), 2);
    let topics: Vec<_> = desk.menus[1].choices.iter().map(|c| (c.key, c.topic.as_deref())).collect();
    assert_eq!(
        topics,
        [('1', Some("5")), ('2', Some("7")), ('3', Some("11")), ('4', Some("1")), ('0', Some("99"))]
    );
    let others = desk.menus[0].choices.last().and_then(|c| c.then.as_ref()).unwrap();
    let languages: Vec<_> = others.choices.iter().filter_map(|c| c.language.as_deref()).collect();
    assert_eq!(languages, ["fil", "th", "my", "ne", "km", "mn"]);
    let bare = standard::desk(desk.desk, &["residence".to_owned()].into());
    assert_eq!(bare.menus.len(), 1, "no topic of the prompt is offered");
    let some = standard::desk(desk.desk, &["5".to_owned()].into());
    assert_eq!(some.menus[1].choices[1], Choice { key: '2', language: None, topic: None, then: None });
}

#[test]
fn the_notice_is_said_when_calls_are_recorded_and_only_then() {
    let mut desk = standard();
    assert_eq!(desk.said_first(), ["greeting"]);
    desk.recording = true;
    assert_eq!(desk.plan().greeting, ["greeting", "recording_notice"]);
    desk.greeting = vec!["recording_notice@ja".into(), "map".into()];
    assert_eq!(desk.said_first(), desk.greeting);
    desk.recording = false;
    assert_eq!(desk.said_first(), ["map"]);
}

#[test]
fn numbers_are_brought_into_one_form() {
    let mut desk = standard();
    desk.numbers = vec!["０３-6838（0058）".into(), "+81 50 1234 5678".into(), "110".into()];
    desk.shown = Some(" 03 6838 0058 ".into());
    desk.through = Some("  ".into());
    desk.check(&known()).unwrap();
    assert_eq!(desk.numbers, ["0368380058", "+815012345678", "110"]);
    assert_eq!((desk.shown.as_deref(), desk.through), (Some("0368380058"), None));
    for (numbers, code) in [
        (vec!["03-6838-0058".to_owned(), "+81 3 6838 0058".to_owned()], "taken"),
        (vec!["desk@example".to_owned()], "invalid"),
        (vec!["12".to_owned()], "invalid"),
        (vec!["1".repeat(16)], "invalid"),
        (vec!["+".to_owned()], "invalid"),
        (vec!["03+6838".to_owned()], "invalid"),
        ((0..=NUMBERS_MAX).map(|n| format!("0{n:09}")).collect(), "too_many"),
    ] {
        let desk = PhoneDesk { numbers, ..standard() };
        assert_eq!(faults(&desk), [("numbers".to_owned(), code)], "{:?}", desk.numbers);
    }
}

#[test]
fn each_fault_is_named_by_its_field() {
    let mut desk = standard();
    desk.shown = Some("none".into());
    desk.through = Some("a\nb".into());
    desk.language = "tlh".into();
    desk.greeting = vec!["greeting".into(), "nothing".into()];
    desk.announce_s = 5;
    desk.callback_tries = 6;
    desk.callback_pause_s = 0;
    desk.menus[0].say.push("greeting@x".into());
    desk.menus[0].choices[1].language = Some("x".into());
    desk.menus[0].choices[5].then.as_mut().unwrap().choices[0].topic = Some("404".into());
    desk.menus[1].choices[0].key = '2';
    let named: Vec<String> =
        faults(&desk).into_iter().map(|(field, code)| format!("{field} {code}")).collect();
    assert_eq!(
        named,
        [
            "announce_s out_of_range",
            "callback_pause_s out_of_range",
            "callback_tries out_of_range",
            "greeting unknown",
            "language unknown",
            "menus.0.choices.1.language invalid",
            "menus.0.choices.5.then.choices.0.topic unknown",
            "menus.0.say unknown",
            "menus.1.choices.1.key taken",
            "shown invalid",
            "through invalid",
        ]
    );
    let own = PhoneDesk { greeting: vec!["map".into()], ..standard() };
    assert_eq!(faults(&own), [], "a desk may say what it recorded");
    assert!(own.says("map") && own.says("menu_other") && !own.says("greeting"));
}
