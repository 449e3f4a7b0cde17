//! The first set of topics. The numbers of the first level are fixed: the visitors' texts name them.

use super::AdminTopic;

/// Id, Japanese, English; each topic is followed by those below it.
const FIRST: &[(&str, &str, &str)] = &[
    ("1", "制度概要", "How the system works"),
    ("1-1", "特定技能制度のしくみ", "The Specified Skilled Worker system"),
    ("1-2", "1号・2号の違い", "Difference between (i) and (ii)"),
    ("1-3", "受入れの流れ", "Steps to accepting workers"),
    ("2", "対象該当性（産業分類・業務区分）", "Covered industries and jobs"),
    ("2-1", "日本標準産業分類の確認", "Industry classification"),
    ("2-2", "業務区分・従事できる業務", "Job categories and permitted work"),
    ("2-3", "関連業務・付随業務", "Related and incidental work"),
    ("2-4", "出荷額などの証明資料", "Proof of shipments and business"),
    ("3", "協議・連絡会／JAIM入会", "Council, joining JAIM"),
    ("3-1", "入会手続・必要書類", "How to join, documents"),
    ("3-2", "審査の状況", "State of an application"),
    ("3-3", "変更届・退会", "Changes and leaving"),
    ("3-4", "会費・構成員証明", "Fees and proof of membership"),
    ("4", "技能試験", "Skills tests"),
    ("4-1", "日程・会場・申込み", "Dates, places, application"),
    ("4-2", "受験資格・持ち物", "Eligibility, what to bring"),
    ("4-3", "結果・合格証明書", "Results and certificates"),
    ("4-4", "学習用テキスト", "Study materials"),
    ("5", "在留手続", "Residence procedures"),
    ("5-1", "在留資格の変更・認定", "Change or certificate of eligibility"),
    ("5-2", "在留期間の更新", "Extension of stay"),
    ("5-3", "特定活動・移行準備", "Designated activities, transition"),
    ("5-4", "転職・届出", "Changing jobs, notifications"),
    ("5-5", "家族の帯同", "Family members"),
    ("6", "支援計画・登録支援", "Support plans, registered support"),
    ("6-1", "支援計画の作成・変更", "Making and changing a plan"),
    ("6-2", "登録支援機関への委託", "Delegating to a support organisation"),
    ("6-3", "定期面談・届出", "Regular interviews and reports"),
    ("7", "労働条件・雇用契約", "Working conditions and contracts"),
    ("7-1", "賃金・残業代・控除", "Wages, overtime, deductions"),
    ("7-2", "労働時間・休日・有給休暇", "Hours, days off, paid leave"),
    ("7-3", "契約の内容・更新", "Contents and renewal of contracts"),
    ("7-4", "退職・解雇", "Resignation and dismissal"),
    ("7-5", "安全衛生・労働災害", "Safety and accidents at work"),
    ("8", "繊維業・JASTI", "Textile industry, JASTI"),
    ("8-1", "追加要件", "Additional requirements"),
    ("8-2", "監査の申込み・準備", "Applying and preparing for an audit"),
    ("8-3", "監査結果・是正", "Results and corrections"),
    ("9", "育成就労", "Employment for Skill Development"),
    ("9-1", "制度の開始・経過措置", "Start and transition"),
    ("9-2", "技能実習からの移行", "From technical intern training"),
    ("9-3", "本人意向の転籍", "Transfers at the worker's wish"),
    ("10", "送出手続（二国間取決め）", "Sending-country procedures"),
    ("10-1", "ベトナム", "Viet Nam"),
    ("10-2", "フィリピン", "Philippines"),
    ("10-3", "インドネシア", "Indonesia"),
    ("10-4", "ミャンマー・カンボジア・ネパール・タイ", "Myanmar, Cambodia, Nepal, Thailand"),
    ("10-9", "その他の国", "Other countries"),
    ("11", "生活", "Daily life"),
    ("11-1", "税金", "Taxes"),
    ("11-2", "社会保険・年金", "Social insurance and pensions"),
    ("11-3", "医療・健康", "Health and medical care"),
    ("11-4", "住居・引越し", "Housing and moving"),
    ("11-5", "日本語学習", "Learning Japanese"),
    ("11-6", "銀行・携帯電話・運転免許", "Bank, mobile phone, driving licence"),
    ("12", "トラブル・人権・緊急", "Trouble, human rights, emergency"),
    ("12-1", "暴力・ハラスメント", "Violence and harassment"),
    ("12-2", "旅券・在留カードの取上げ", "Passport or card taken away"),
    ("12-3", "賃金の未払い", "Unpaid wages"),
    ("12-4", "保証金・違約金", "Deposits and penalties"),
    ("12-5", "心の健康・命に関わる相談", "Mental health, danger to life"),
    ("13", "システム操作（マイページ）", "Using the website (My Page)"),
    ("13-1", "ログイン・パスワード", "Sign-in and passwords"),
    ("13-2", "入力・添付", "Forms and attachments"),
    ("14", "セミナー", "Seminars"),
    ("14-1", "申込み・変更", "Registering and changing"),
    ("14-2", "資料・録画", "Materials and recordings"),
    ("15", "苦情・要望", "Complaints and wishes"),
    ("15-1", "窓口への意見", "About this desk"),
    ("15-2", "制度への要望", "About the system"),
    ("99", "対象外・その他", "Other matters"),
];

/// The place of 99, behind whatever is added before it.
const LAST: i64 = 900;

/// The topics as rows.
pub(super) fn topics() -> Vec<AdminTopic> {
    let mut topics: Vec<AdminTopic> = Vec::with_capacity(FIRST.len());
    for (id, name_ja, name_en) in FIRST {
        let parent_id = id.split_once('-').map(|(parent, _)| parent.to_owned());
        let siblings = topics.iter().filter(|t| t.parent_id == parent_id).count();
        let position = if *id == "99" { LAST } else { i64::try_from(siblings).unwrap_or(LAST) };
        topics.push(AdminTopic {
            id: (*id).to_owned(),
            parent_id,
            name_ja: (*name_ja).to_owned(),
            name_en: (*name_en).to_owned(),
            position,
            active: true,
            tickets: 0,
            version: 1,
        });
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::NAME_MAX;
    use crate::routing::Skill;

    #[test]
    fn the_first_topics_are_a_tree_with_the_numbers_of_the_visitors_texts() {
        let topics = topics();
        let tops: Vec<&str> =
            topics.iter().filter(|t| t.parent_id.is_none()).map(|t| t.id.as_str()).collect();
        let expected: Vec<String> = (1..=15).chain([99]).map(|n: i32| n.to_string()).collect();
        assert_eq!(tops, expected);
        let mut ids = std::collections::BTreeSet::new();
        for topic in &topics {
            assert!(ids.insert(&topic.id), "{} twice", topic.id);
            assert!(
                topic.parent_id.as_ref().is_none_or(|p| ids.contains(p)),
                "{} before its parent",
                topic.id
            );
            assert!(Skill::topic(&topic.id).is_ok(), "{} can be a skill", topic.id);
            for name in [&topic.name_ja, &topic.name_en] {
                assert!((1..=NAME_MAX).contains(&name.chars().count()), "{name}");
            }
        }
    }
}
