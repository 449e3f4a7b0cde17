use super::*;
use std::sync::LazyLock;

static DETECTOR: LazyLock<Detector> = LazyLock::new(Detector::new);

fn tag(text: &str) -> Option<LangTag> {
    DETECTOR.detect(text, None).known().map(|(tag, _)| tag)
}

fn reason(text: &str) -> UnknownReason {
    match DETECTOR.detect(text, None) {
        Detected::Unknown { reason } => reason,
        known @ Detected::Known { .. } => panic!("{text}: {known:?}"),
    }
}

#[test]
fn a_script_of_one_language_decides() {
    for (text, expected) in [
        ("給料がまだです", tags::JA),
        ("カード", tags::JA),
        ("월급을 못 받았어요", tags::KO),
        ("ยังไม่ได้เงินเดือน", tags::TH),
        ("ຂ້ອຍຍັງບໍ່ໄດ້ເງິນເດືອນ", tags::LO),
        ("ខ្ញុំមិនទាន់បានប្រាក់ខែ", tags::KM),
        ("လစာ မရသေးပါ", tags::MY),
        ("මට තවම වැටුප් ලැබුණේ නැහැ", tags::SI),
        ("எனக்கு சம்பளம் வரவில்லை", tags::TA),
        ("আমি বেতন পাইনি", tags::BN),
    ] {
        let detected = DETECTOR.detect(text, None);
        let Detected::Known { tag, confidence, .. } = detected else { panic!("{text}: {detected:?}") };
        assert_eq!(tag, expected, "{text}");
        assert!(confidence > 0.9, "{text}: {confidence}");
    }
}

#[test]
fn latin_names_inside_do_not_change_the_language() {
    assert_eq!(tag("SIM カードを Softbank で買いました"), Some(tags::JA));
    assert_eq!(tag("residence card သက်တမ်းတိုးချင်ပါတယ်"), Some(tags::MY));
}

#[test]
fn zawgyi_is_flagged_and_unicode_is_not() {
    let flag = |text: &str| match DETECTOR.detect(text, None) {
        Detected::Known { zawgyi, tag, .. } if tag == tags::MY => zawgyi,
        other => panic!("{text}: {other:?}"),
    };
    assert!(flag("ဝန္ထမ္းမ်ား ေက်နပ္မည္"));
    assert!(!flag("ဝန်ထမ်းများ ကျေနပ်မည်"));
}

#[test]
fn letters_of_kyrgyz_tajik_uzbek_and_mongolian_decide() {
    for (text, expected) in [
        ("Мен айлыгымды ала элекмин", tags::KY),
        ("Ман ҳанӯз маошамро нагирифтаам", tags::TG),
        ("Мен ҳали маошимни олганим йўқ", tags::UZ_CYRL),
        ("Би цалингаа аваагүй байна", tags::MN),
        ("Men hali maoshimni olganim yo‘q", tags::UZ_LATN),
        ("मैंने अभी तक अपना वेतन नहीं पाया है", tags::HI),
        ("मैले अहिलेसम्म तलब पाएको छैन", tags::NE),
        ("مجھے ابھی تک تنخواہ نہیں ملی ہے", tags::UR),
    ] {
        assert_eq!(tag(text), Some(expected), "{text}");
    }
}

#[test]
fn typing_without_marks_or_own_script_is_recognised() {
    for (text, expected) in [
        ("toi chua nhan duoc tien luong", tags::VI),
        ("kyuuryou wo moratte imasen", tags::JA_LATN),
        ("mujhe abhi tak paisa nahi mila hai", tags::HI_LATN),
        ("maile ahile samma talab payeko chaina", tags::NE_LATN),
        ("ami ekhono beton paini bhai", tags::BN_LATN),
        ("Pwede po ba mag-file ng leave next week?", tags::FIL),
    ] {
        assert_eq!(tag(text), Some(expected), "{text}");
    }
}

#[test]
fn what_is_no_evidence_stays_unknown() {
    for text in
        ["", "   ", "123-456", "👍👍", "https://example.com/x", "a@example.com", "OK", "SIM", "hahaha"]
    {
        assert_eq!(reason(text), UnknownReason::NoLetters, "{text}");
    }
    assert_eq!(reason("x y"), UnknownReason::TooShort);
    assert_eq!(reason("Nguyen Van A"), UnknownReason::Unsure);
}

#[test]
fn languages_that_the_desk_does_not_have_are_not_claimed() {
    for text in [
        "Я ещё не получил зарплату",
        "Мен жалақымды әлі алған жоқпын",
        "ደመወዜን አላገኘሁም",
        "લગ્ન અને પગાર",
        "Ich habe meinen Lohn noch nicht bekommen, was soll ich tun",
        "لم أحصل على راتبي بعد",
        "من هنوز حقوقم را نگرفته‌ام",
        "मला अजून पगार मिळाला नाही आणि मी काय करू",
    ] {
        assert_eq!(reason(text), UnknownReason::OtherLanguage, "{text}");
    }
}

#[test]
fn the_prior_tips_a_balance_but_never_overrides() {
    let japanese = |text: &str| DETECTOR.detect(text, Some(&tags::JA)).known().map(|(t, _)| t);
    assert_eq!(japanese("My employer has not paid my wages"), Some(tags::EN));
    assert_eq!(tag("東京都"), DETECTOR.detect("東京都", None).known().map(|(t, _)| t));
    assert_eq!(DETECTOR.detect("你好", Some(&tags::ZH_HANT)).known().map(|(t, _)| t), Some(tags::ZH_HANT));
    assert_eq!(tag("你好"), Some(tags::ZH));
    let sure = |prior: LangTag| match DETECTOR.detect("saya mahu pulang", Some(&prior)) {
        Detected::Known { tag, confidence, .. } if tag == tags::MS => confidence,
        _ => 0.0,
    };
    assert!(sure(tags::MS) >= sure(tags::ID));
}

#[test]
fn hostile_text_is_answered() {
    let long = "a".repeat(100_000);
    let marks = "\u{0301}".repeat(100_000);
    let bidi = "\u{202E}\u{2066}\u{2069}".repeat(1_000);
    let zero_width = "\u{200B}\u{FEFF}\u{200D}".repeat(1_000);
    let mixed: String = ('\u{20}'..'\u{3000}').collect();
    let stacked = format!("a{}", "\u{0489}".repeat(5_000));
    let apostrophes = "o'".repeat(5_000);
    for text in [&long, &marks, &bidi, &zero_width, &mixed, &stacked, &apostrophes] {
        if let Some((_, confidence)) = DETECTOR.detect(text, None).known() {
            assert!((MIN_CONFIDENCE..=1.0).contains(&confidence));
        }
    }
    assert_eq!(reason(&marks), UnknownReason::NoLetters);
    assert_eq!(reason(&bidi), UnknownReason::NoLetters);
    assert_eq!(reason(&zero_width), UnknownReason::NoLetters);
}

#[test]
fn random_bytes_are_answered() {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..200)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            })
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        if let Some((_, confidence)) = DETECTOR.detect(&text, Some(&tags::VI)).known() {
            assert!((MIN_CONFIDENCE..=1.0).contains(&confidence));
        }
    }
}

#[test]
fn direction_controls_inside_a_word_do_not_hide_it() {
    assert_eq!(tag("ka\u{202E}mi da\u{200B}pat po ba mag-leave bukas"), Some(tags::FIL));
}
