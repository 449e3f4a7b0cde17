//! One message each, unusual or wrong in one way, in the spirit of RFC 4475; its sections stand beside the
//! rows. What is merely unusual is served, what is wrong gets its code or silence, and the trunk goes on
//! serving.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use madoguchi::phone::trunk::TrunkEvent;
use tokio::net::UdpSocket;

use super::support::{PATIENCE, desk, options};

/// What comes back in the end: a code (a call is refused with 486 by the test itself), or nothing.
type Outcome = Option<u16>;
const CALLED: Outcome = Some(486);
const SERVED: Outcome = Some(200);
const SILENCE: Outcome = None;

/// A row: what is special about it, `INVITE` or `OPTIONS`, what is replaced in the plain message, the
/// outcome.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], Outcome);

/// RFC 4475 §3.1.1: unusual, and right.
const UNUSUAL: &[Row] = &[
    (
        "compact names in any case (§3.1.1.1)",
        "INVITE",
        &[
            ("From: ", "f: "),
            ("To: ", "T: "),
            ("CSeq: ", "cSEQ: "),
            ("Call-ID", "i"),
            ("Via: ", "v: "),
            ("Contact: ", "M:"),
            ("Content-Type", "C"),
            ("Content-Length", "l"),
        ],
        CALLED,
    ),
    (
        "folds (§3.1.1.1)",
        "INVITE",
        &[
            ("To: <", "To:\r\n   <"),
            ("CSeq: 1 INVITE", "CSeq: 0009\r\n  INVITE"),
            ("Max-Forwards: 70", "NewFangledHeader:   newfangled\r\n value continued\r\nMax-Forwards: 0068"),
        ],
        CALLED,
    ),
    (
        "spaces before the colon (§3.1.1.1)",
        "INVITE",
        &[("To: <", "To : <"), ("From: ", "From   :   ")],
        CALLED,
    ),
    ("signs within a quoted name (§3.1.1.1)", "INVITE", &[("From: <", "From: \"a \\\" ; ,b\" <")], CALLED),
    // The stack takes the first bracket for the address: a limit of ours, that harms nobody else.
    (
        "a bracket within a quoted name (§3.1.1.1)",
        "INVITE",
        &[("From: <", "From: \"a \\\" < ; ,b\" <")],
        SILENCE,
    ),
    (
        "a method of odd signs (§3.1.1.2)",
        "OPTIONS",
        &[("OPTIONS", "!odd-Method0123_*+`.%indeed'~")],
        Some(405),
    ),
    (
        "escaped signs in the user (§3.1.1.3)",
        "INVITE",
        &[("sip:050@", "sip:sips%3Auser%40example.com@")],
        CALLED,
    ),
    ("an escaped zero (§3.1.1.4)", "OPTIONS", &[("sip:x@", "sip:null-%00-null@")], SERVED),
    ("an escaped method is another method (§3.1.1.5)", "OPTIONS", &[("OPTIONS", "OPTI%4FNS")], Some(405)),
    ("no space before the bracket (§3.1.1.6)", "INVITE", &[("From: <", "From: caller<")], CALLED),
    (
        "long values (§3.1.1.7)",
        "INVITE",
        &[
            ("From: <", LONG_NAME),
            ("Max-Forwards", "Via: SIP/2.0/TCP host1.example;branch=z9hG4bK1\r\nMax-Forwards"),
        ],
        CALLED,
    ),
    (
        "a second request behind the end of the first (§3.1.1.8)",
        "OPTIONS",
        &[("Length: 0\r\n\r\n", "Length: 0\r\n\r\nINVITE sip:050@127.0.0.1 SIP/2.0\r\nTo: x\r\n\r\n")],
        SERVED,
    ),
    ("a semicolon in the user (§3.1.1.9)", "OPTIONS", &[("sip:x@", "sip:user;par=u%40example.net@")], SERVED),
    (
        "transports nobody knows (§3.1.1.10)",
        "OPTIONS",
        &[(
            "From: ",
            "Via: SIP/2.0/SPICE t1.example;branch=z9hG4bK2\r\nVia: SIP/2.0/SCTP t2.example\r\nFrom: ",
        )],
        SERVED,
    ),
    (
        "a body of several parts (§3.1.1.11)",
        "INVITE",
        &[("application/sdp", "multipart/mixed;boundary=7a9cbec02ceef655")],
        Some(415),
    ),
    (
        "a response with letters of other languages (§3.1.1.12)",
        "OPTIONS",
        &[(FIRST, "SIP/2.0 200 = 2**3 дё\r\n")],
        SILENCE,
    ),
    ("a response without a reason (§3.1.1.13)", "OPTIONS", &[(FIRST, "SIP/2.0 100 \r\n")], SILENCE),
];

/// RFC 4475 §3.1.2: wrong.
const WRONG: &[Row] = &[
    ("separators without values (§3.1.2.1)", "INVITE", &[(";rport", ";;,;,,")], Some(400)),
    ("a length beyond the end (§3.1.2.2)", "INVITE", &[("Length: 5", "Length: 9999")], Some(400)),
    ("a negative length (§3.1.2.3)", "INVITE", &[("Length: 5", "Length: -999")], Some(400)),
    (
        "a sequence number out of range (§3.1.2.4)",
        "OPTIONS",
        &[("CSeq: 1", "CSeq: 36893488147419103232")],
        Some(400),
    ),
    ("hops out of range (§3.1.2.4)", "OPTIONS", &[("Forwards: 70", "Forwards: 300")], Some(400)),
    (
        "a response with numbers out of range (§3.1.2.5)",
        "OPTIONS",
        &[(FIRST, "SIP/2.0 503 Service Unavailable\r\n"), ("CSeq: 1", "CSeq: 9292394834772304023312")],
        SILENCE,
    ),
    ("a quote without its end (§3.1.2.6)", "INVITE", &[("To: <", "To: \"Mr. J. User <")], Some(400)),
    (
        "brackets around the target (§3.1.2.7)",
        "INVITE",
        &[("sip:050@127.0.0.1 SIP", "<sip:050@127.0.0.1> SIP")],
        Some(400),
    ),
    ("a space within the target (§3.1.2.8)", "INVITE", &[("127.0.0.1 SIP", "127.0.0.1; lr SIP")], SILENCE),
    (
        "two spaces in the first line (§3.1.2.9)",
        "INVITE",
        &[(" SIP/2.0\r\nVia", "  SIP/2.0\r\nVia")],
        SILENCE,
    ),
    (
        "spaces behind the first line (§3.1.2.10)",
        "OPTIONS",
        &[(" SIP/2.0\r\nVia", " SIP/2.0  \r\nVia")],
        SILENCE,
    ),
    (
        "headers within the target (§3.1.2.11)",
        "INVITE",
        &[("127.0.0.1 SIP", "127.0.0.1?Route=%3Csip:x%3E SIP")],
        Some(400),
    ),
    (
        "a date of another zone (§3.1.2.12)",
        "OPTIONS",
        &[("From: ", "Date: Fri, 01 Jan 2010 16:00:00 EST\r\nFrom: ")],
        SERVED,
    ),
    (
        "spaces within the brackets (§3.1.2.14)",
        "OPTIONS",
        &[("To: <sip:x@127.0.0.1>", "To: \"W, T\" < sip:x@127.0.0.1 >")],
        SERVED,
    ),
    ("a comma in a bare name (§3.1.2.15)", "OPTIONS", &[("From: <", "From: Bell, Alexander <")], SERVED),
    ("another version (§3.1.2.16)", "OPTIONS", &[("SIP/2.0\r\nVia", "SIP/7.0\r\nVia")], Some(505)),
    ("two methods (§3.1.2.17)", "OPTIONS", &[("1 OPTIONS", "1 INVITE")], Some(400)),
    ("two methods, one unknown (§3.1.2.18)", "OPTIONS", &[("OPTIONS sip", "NEWMETHOD sip")], Some(400)),
    (
        "a response code of ten digits (§3.1.2.19)",
        "OPTIONS",
        &[(FIRST, "SIP/2.0 4294967301 better not\r\n")],
        SILENCE,
    ),
];

/// RFC 4475 §3.2 to §3.4: well formed, and not to be served.
const REFUSED: &[Row] = &[
    (
        "a branch that is only its prefix (§3.2.1)",
        "OPTIONS",
        &[("branch=z9hG4bKoptions", "branch=z9hG4bK;x=")],
        SERVED,
    ),
    ("mandatory headers left out (§3.3.1)", "INVITE", &[("To: <sip:x@127.0.0.1>\r\n", "")], SILENCE),
    ("no Contact", "INVITE", &[("Contact: ", "X-Contact: ")], Some(400)),
    (
        "a scheme nobody knows (§3.3.2)",
        "OPTIONS",
        &[("sip:x@127.0.0.1 SIP", "nobodyKnowsThisScheme:opaque SIP")],
        Some(416),
    ),
    (
        "a scheme of something else (§3.3.3)",
        "OPTIONS",
        &[("sip:x@127.0.0.1 SIP", "soap.beep://192.0.2.103:3002 SIP")],
        Some(416),
    ),
    (
        "unknown schemes in To and From (§3.3.4)",
        "OPTIONS",
        &[("To: <sip:x@127.0.0.1>", "To: <isbn:2983792873>")],
        SERVED,
    ),
    (
        "an extension nobody knows (§3.3.5)",
        "OPTIONS",
        &[("From: ", "Require: nothingSupportsThis\r\nFrom: ")],
        Some(420),
    ),
    (
        "a body nobody knows (§3.3.6)",
        "INVITE",
        &[("application/sdp", "application/unknownformat")],
        Some(415),
    ),
    (
        "credentials nobody knows (§3.3.7)",
        "OPTIONS",
        &[("From: ", "Authorization: NoOneKnowsThisScheme x=y\r\nFrom: ")],
        SERVED,
    ),
    (
        "headers doubled that may stand once (§3.3.8)",
        "OPTIONS",
        &[("CSeq: ", "CSeq: 5 OPTIONS\r\nFrom: <sip:b@c>;tag=2\r\nCSeq: ")],
        SILENCE,
    ),
    (
        "two lengths (§3.3.9)",
        "INVITE",
        &[("Content-Length: 5", "Content-Length: 5\r\nContent-Length: 3")],
        Some(400),
    ),
    (
        "a response to somebody else (§3.3.10)",
        "OPTIONS",
        &[(FIRST, "SIP/2.0 200 OK\r\n"), ("UDP ", "UDP 255.255.255.255,SIP/2.0/UDP ")],
        SILENCE,
    ),
    ("no hop left, and no hop needed (§3.3.11)", "OPTIONS", &[("Forwards: 70", "Forwards: 0")], SERVED),
    (
        "a request of RFC 2543 (§3.4.1)",
        "INVITE",
        &[(";branch=z9hG4bKinvite", ";x="), (";tag=1", "")],
        Some(400),
    ),
    ("a header line without a colon", "OPTIONS", &[("From: ", "Nothing\r\nFrom: ")], SILENCE),
    ("a bare line feed", "OPTIONS", &[("From: ", "X: a\nb: c\r\nFrom: ")], SILENCE),
    ("a zero byte", "OPTIONS", &[("From: ", "X: a\0b\r\nFrom: ")], SILENCE),
    ("an ACK of nothing", "OPTIONS", &[("OPTIONS", "ACK")], SILENCE),
];

/// Stands for the first line of the message.
const FIRST: &str = "{first}";

const LONG_NAME: &str = concat!(
    "From: \"",
    "I have a user name of extreeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeme length",
    "\" <"
);

/// The plain message, of which a row replaces something.
fn plain(kind: &str, here: SocketAddr, n: usize) -> String {
    let (user, more, body) = match kind {
        "INVITE" => ("050", "Contact: <sip:a@b.invalid>\r\nContent-Type: application/sdp\r\n", "v=0\r\n"),
        _ => ("x", "", ""),
    };
    format!(
        "{kind} sip:{user}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{}{n};rport\r\n\
         From: <sip:0312345678@{here}>;tag=1\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: torture{n}\r\n\
         CSeq: 1 {kind}\r\nMax-Forwards: 70\r\n{more}Content-Length: {}\r\n\r\n{body}",
        kind.to_lowercase(),
        body.len(),
    )
}

/// The message of a row.
fn message((what, kind, changes, _): &Row, here: SocketAddr, n: usize) -> String {
    let mut text = plain(kind, here, n);
    for (from, to) in *changes {
        let changed = if *from == FIRST {
            text.split_once("\r\n").map(|(_, rest)| format!("{to}{rest}")).unwrap()
        } else {
            text.replace(from, to)
        };
        assert_ne!(changed, text, "{what}: nothing to replace");
        text = changed;
    }
    text
}

/// The code of an answer and the number of the row whose Call-ID it bears.
fn read(answer: &str) -> Option<(usize, u16)> {
    let code = answer.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    let id = answer.lines().find_map(|l| l.split_once("torture"))?.1.trim();
    Some((id.parse().ok()?, code))
}

#[tokio::test(flavor = "multi_thread")]
async fn tortuous_messages_get_what_they_deserve() {
    let mut desk = desk("limits = { calls_per_second_peer = 1000, calls_per_second = 1000 }").await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let here = socket.local_addr().unwrap();
    let trunk = desk.trunk.clone();
    let refusing = tokio::spawn(async move {
        while let Some(event) = desk.events.recv().await {
            if let TrunkEvent::Incoming { call, .. } = event {
                trunk.refuse(call, 486, None).unwrap();
            }
        }
    });
    let rows: Vec<&Row> = UNUSUAL.iter().chain(WRONG).chain(REFUSED).collect();
    let mut found: BTreeMap<usize, u16> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut buffer = vec![0; 65_536];
    for (n, row) in rows.iter().enumerate() {
        socket.send_to(message(row, here, n).as_bytes(), desk.at).await.unwrap();
        let probe = u32::try_from(n).unwrap();
        socket.send_to(options(&socket, probe).as_bytes(), desk.at).await.unwrap();
        let mark = format!("Call-ID: options{n}\r\n");
        let mut serves = false;
        // The answer to what came after is awaited always, that to the row where one must come.
        while !serves || (row.3.is_some() && !found.contains_key(&n)) {
            let Ok(got) = tokio::time::timeout(PATIENCE / 8, socket.recv(&mut buffer)).await else { break };
            let answer = String::from_utf8_lossy(&buffer[..got.unwrap()]).into_owned();
            serves |= answer.contains(&mark);
            if let Some((row, code @ 200..)) = read(&answer) {
                found.insert(row, code);
                seen.insert((row, code));
            }
        }
        assert!(serves, "after {}: no answer any more", row.0);
    }
    let wrong: Vec<String> = (rows.iter().enumerate())
        .filter(|(n, row)| found.get(n).copied() != row.3)
        .map(|(n, row)| format!("{}: {:?} instead of {:?}", row.0, found.get(&n), row.3))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen.len(), found.len(), "one final answer for each: {seen:?}");
    assert!(desk.trunk.status().serving);
    tokio::time::timeout(PATIENCE, desk.lifecycle.stop()).await.unwrap();
    assert_eq!(desk.trunk.status().calls, 0);
    refusing.abort();
}
