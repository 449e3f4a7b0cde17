//! Finding tickets: paging, search, filters, and what a reader may not see.

use std::collections::BTreeSet;

use madoguchi::desk::ports::Reader;
use madoguchi::kernel::fold::fold;
use madoguchi::kernel::problem::Problem;
use madoguchi::on_db;
use madoguchi::tickets::{self, Fields, ListQuery, Ticket};

use super::{House, NOW, summary};
use crate::both_databases;

fn search(q: &str) -> ListQuery {
    ListQuery { q: Some(q.to_owned()), ..ListQuery::default() }
}

both_databases! {
    async fn pages_give_every_row_once_while_others_are_added(db: Db) {
        let house = House::new(db).await;
        fill(&house, 1000, "件").await;
        for (sort, order) in [("created", "desc"), ("created", "asc"), ("due", "asc"), ("updated", "desc")] {
            let mut query = ListQuery {
                sort: Some(sort.to_owned()),
                order: Some(order.to_owned()),
                limit: Some(90),
                q: Some("件".to_owned()),
                ..ListQuery::default()
            };
            let (mut seen, mut rows) = (BTreeSet::new(), 0);
            loop {
                let page = house.list(house.reader(0), &query).await.unwrap();
                assert!(page.total <= tickets::TOTAL_MAX);
                rows += page.items.len();
                seen.extend(page.items.into_iter().map(|row| row.id));
                house.make(1, i64::try_from(rows).unwrap(), summary("間に来た")).await;
                match page.next_cursor {
                    Some(cursor) => query.cursor = Some(cursor),
                    None => break,
                }
            }
            assert_eq!((rows, seen.len()), (1000, 1000), "{sort} {order}");
        }
        let all = house.list(house.reader(0), &ListQuery::default()).await.unwrap();
        assert_eq!((all.total, all.total_capped, all.items.len()), (tickets::TOTAL_MAX, true, 50));
    }

    async fn searches_find_what_a_person_would_call_the_same(db: Db) {
        let house = House::new(db).await;
        let mut made = Vec::new();
        for (name, organisation, reply_to, text) in [
            ("Nguyễn Thị Đào", "㈱山﨑製作所", "+81 90-1234-5678", "残業代が支払われない"),
            ("สมชาย ใจดี", "", "somchai@example.jp", "ที่อยู่ใหม่ 100%"),
            ("O'Brien", "Tea_House", "", "visa renewal 😀 \\ end"),
        ] {
            let fields = Fields {
                inquirer_name: Some(name.to_owned()),
                organisation: Some(organisation.to_owned()),
                reply_to: Some(reply_to.to_owned()),
                ..summary(text)
            };
            made.push(house.make(0, 0, fields).await.number);
        }
        let cases: [(&str, &[usize]); 22] = [
            ("nguyen dao", &[0]),
            ("NGUYỄN", &[0]),
            ("ＮＧＵＹＥＮ　残業", &[0]),
            ("株式会社山崎", &[0]),
            ("09012345678", &[0]),
            ("r8-000001", &[0]),
            ("000001", &[0]),
            ("残業代 支払われない", &[0]),
            ("残業代 visa", &[]),
            ("สมชาย", &[1]),
            ("SOMCHAI@EXAMPLE.JP", &[1]),
            ("100%", &[1]),
            ("%", &[1]),
            ("tea_house", &[2]),
            ("tea-house", &[]),
            ("_", &[2]),
            ("o'brien", &[2]),
            ("😀", &[2]),
            ("\\", &[2]),
            ("!", &[]),
            ("\0", &[2, 1, 0]),
            ("' OR 1=1 --", &[]),
        ];
        for (q, expected) in cases {
            let mut found = house.numbers(&search(q)).await;
            let mut wanted: Vec<_> = expected.iter().map(|n| made[*n].clone()).collect();
            found.sort();
            wanted.sort();
            assert_eq!(found, wanted, "{q}");
        }
        let refused = house.list(house.reader(0), &search(&"あ".repeat(100_000))).await.unwrap_err();
        assert_eq!(refused.fields["q"], "too_long");
    }

    async fn filters_hold_together_and_refuse_nonsense(db: Db) {
        let house = House::new(db).await;
        let late = Fields {
            due_on: Some("2026-11-24".to_owned()),
            topics: Some(vec!["residence".to_owned()]),
            inquirer: Some("company".to_owned()),
            language: Some("VI".to_owned()),
            ..summary("late")
        };
        let a = house.make(0, 0, late).await;
        let b = house.make(1, 1, Fields { owner: Some(String::new()), ..Fields::default() }).await;
        assert!(a.overdue && !b.overdue && a.language == "vi");
        let with = |set: &dyn Fn(&mut ListQuery)| {
            let mut query = ListQuery::default();
            set(&mut query);
            query
        };
        let text = |text: &str| Some(text.to_owned());
        let cases: Vec<(ListQuery, Vec<&Ticket>)> = vec![
            (with(&|_| ()), vec![&b, &a]),
            (with(&|q| q.owner = text("me")), vec![&a]),
            (with(&|q| q.owner = text("none")), vec![&b]),
            (with(&|q| q.owner = Some(house.seed.agents[1].to_string())), vec![]),
            (with(&|q| q.overdue = Some(true)), vec![&a]),
            (with(&|q| q.overdue = Some(false)), vec![&b]),
            (with(&|q| q.topic = text("residence")), vec![&a]),
            (with(&|q| q.status = text("open,waiting")), vec![&b, &a]),
            (with(&|q| q.status = text("closed")), vec![]),
            (with(&|q| q.language = text("vi")), vec![&a]),
            (with(&|q| q.result = text("none")), vec![&b, &a]),
            (with(&|q| q.reply_waiting = Some(true)), vec![]),
            (with(&|q| (q.from, q.to) = (text("2026-11-25"), text("2026-11-25"))), vec![&b, &a]),
            (with(&|q| q.to = text("2026-11-24")), vec![]),
            (with(&|q| (q.inquirer, q.urgency) = (text("company"), text("normal"))), vec![&a]),
            (with(&|q| q.desk = Some(house.seed.companies.to_string())), vec![]),
            (with(&|q| q.sort = text("due")), vec![&a, &b]),
        ];
        for (query, expected) in cases {
            let wanted: Vec<_> = expected.iter().map(|t| t.number.clone()).collect();
            assert_eq!(house.numbers(&query).await, wanted, "{query:?}");
        }
        for (parameter, query) in [
            ("status", with(&|q| q.status = text("open,'"))),
            ("owner", with(&|q| q.owner = text("everyone"))),
            ("desk", with(&|q| q.desk = text("dsk_\0"))),
            ("topic", with(&|q| q.topic = text("\0"))),
            ("from", with(&|q| q.from = text("tomorrow"))),
            ("sort", with(&|q| q.sort = text("id; DROP TABLE tickets"))),
            ("order", with(&|q| q.order = text("up"))),
            ("cursor", with(&|q| q.cursor = text("😀"))),
        ] {
            let refused = house.list(house.reader(0), &query).await.unwrap_err();
            assert!(refused.code == "invalid_input" && refused.fields.contains_key(parameter), "{parameter}");
        }
    }

    async fn a_sensitive_ticket_is_a_number_to_those_who_do_not_own_it(db: Db) {
        let house = House::new(db).await;
        let fields = Fields {
            sensitive: Some(true),
            inquirer_name: Some("Mai".to_owned()),
            organisation: Some("山崎製作所".to_owned()),
            ..summary("妊娠のこと")
        };
        let ticket = house.make(0, 0, fields).await;
        let supervisor = Reader { account: house.seed.supervisor, supervisor: true };
        for (reader, sees) in [(house.reader(0), true), (house.reader(1), false), (supervisor, true)] {
            let row = house.list(reader, &ListQuery::default()).await.unwrap().items.remove(0);
            assert_eq!((row.restricted, row.sensitive), (!sees, true));
            let texts = format!("{}{}{}", row.inquirer_name, row.organisation, row.summary);
            assert_eq!(texts.is_empty(), !sees);
            // A hit would tell what the row does not show.
            let hits = house.list(reader, &search("妊娠")).await.unwrap().items.len();
            assert_eq!(hits, usize::from(sees));
            assert_eq!(house.list(reader, &search(&ticket.number)).await.unwrap().items.len(), 1);
        }
        let (act, id) = (house.act(1, 0), ticket.id);
        house.db.write(move |tx| Box::pin(async move { tickets::open(tx, &act, id).await })).await.unwrap();
        let trail = house.trail().await;
        let read = trail.last().unwrap();
        assert_eq!((read.action.as_str(), read.detail.as_str()), ("ticket.read", r#"{"sensitive":true}"#));
    }

    async fn ten_thousand_tickets_are_searched_at_once(db: Db) {
        let house = House::new(db).await;
        let body = "在留資格の変更と残業代について、会社の説明が契約と違うという相談。".repeat(12);
        fill(&house, 10_000, &body).await;
        let clock = madoguchi::kernel::clock::Clock::system();
        for q in ["needle77", "残業代", "nothing like this"] {
            let started = clock.now();
            let page = house.list(house.reader(0), &search(q)).await.unwrap();
            println!("search {q}: {} ms, {} found", clock.now().since(started).0, page.total);
        }
        for sort in ["created", "updated", "due"] {
            let query = ListQuery { sort: Some(sort.to_owned()), ..ListQuery::default() };
            let started = clock.now();
            assert_eq!(house.list(house.reader(0), &query).await.unwrap().items.len(), 50);
            println!("list by {sort}: {} ms", clock.now().since(started).0);
        }
        let found = house.list(house.reader(0), &search("needle4321")).await.unwrap();
        assert_eq!((found.total, found.total_capped), (2, false));
    }
}

/// `count` plain tickets at once, three in each millisecond; their summaries are `text` and `needleN`, N
/// from 0 to 4999 over and over.
async fn fill(house: &House, count: i64, text: &str) {
    let (pool, desk) = (house.seed.pool.to_string(), house.seed.workers.to_string());
    let (text, folded) = (text.to_owned(), fold(text));
    house
        .db
        .write(move |tx| {
            Box::pin(async move {
                on_db!(tx, |conn| {
                    sqlx::query(FILL)
                        .bind(count)
                        .bind(pool)
                        .bind(desk)
                        .bind(text)
                        .bind(folded)
                        .bind(NOW)
                        .execute(conn)
                        .await
                        .map(drop)
                })?;
                Ok::<_, Problem>(())
            })
        })
        .await
        .unwrap();
}

const FILL: &str = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
    INSERT INTO tickets (id, number, pool_id, desk_id, channel, status, inquirer, inquirer_name,
      organisation, corporate_number, prefecture, nationality, reply_to, anonymous, language, summary, answer,
      basis, referral, result, urgency, sensitive, due_on, owner_id, folded, organisation_key, reply_key,
      family, reply_waiting, created_at, updated_at, closed_at, version)
    SELECT 'tkt_000000000000000000' || SUBSTR(CAST(100000000 + i AS TEXT), 2), 'P-' || i, $2, $3, 'chat',
      'open', 'worker', '', '', '', '', '', '', TRUE, 'vi', $4 || ' needle' || (i % 5000), '', '', '', '',
      'normal', FALSE, CASE WHEN i % 3 = 0 THEN '2026-12-' || (i % 19 + 10) END, NULL,
      $5 || ' needle' || (i % 5000), '', '', 'f' || i, FALSE, $6 + i / 3, $6 + i / 3, NULL, 1
    FROM n";
