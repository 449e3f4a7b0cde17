//! Every parser of hostile bytes under a seeded storm: no panic, no hang. The bodies and the first inputs are
//! those of `fuzz/`, where cargo-fuzz searches further.

#[path = "../../fuzz/src/lib.rs"]
mod bodies;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use madoguchi::kernel::clock::Chance;

use crate::support::noise::mutate;

/// Inputs for each parser.
const INPUTS: u64 = 20_000;
/// Changes that one input has at most.
const CHANGES_MAX: u64 = 8;
/// Longer than any input may take; whoever needs it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The files of `fuzz/corpus/NAME`, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn tried(input: &[u8], body: fn(&[u8])) {
    if catch_unwind(AssertUnwindSafe(|| body(input))).is_err() {
        panic!("this input: {}", input.escape_ascii());
    }
}

/// Gives `body` every file of the corpus as it is, and then changed.
async fn storm(name: &'static str, body: fn(&[u8]), words: &'static [&'static [u8]]) {
    let corpus = corpus(name);
    assert!(corpus.len() >= 5, "a corpus of {}", corpus.len());
    let run = tokio::task::spawn_blocking(move || {
        corpus.iter().for_each(|file| tried(file, body));
        let chance = Chance::seeded(4475);
        for _ in 0..INPUTS {
            let pick = usize::try_from(chance.below(corpus.len() as u64)).unwrap();
            let mut input = corpus[pick].clone();
            for _ in 0..=chance.below(CHANGES_MAX) {
                mutate(&mut input, words, &chance);
            }
            tried(&input, body);
        }
    });
    tokio::time::timeout(PATIENCE, run).await.expect("no input takes for ever").unwrap();
}

#[tokio::test]
async fn session_descriptions() {
    let words: &[&[u8]] = &[
        b"\r\nm=audio 1 RTP/AVP 0 8 101",
        b"\r\na=rtpmap:101 telephone-event/8000",
        b"\r\nc=IN IP6 ::1",
        b"\r\nc=IN IP4 0.0.0.0",
        b" 65536",
        b"\r\na=inactive",
        b"\r\na=fmtp:101 0-16",
    ];
    storm("sdp", bodies::sdp, words).await;
}

#[tokio::test]
async fn sound_and_reports() {
    storm("rtp", bodies::rtp, &[&[0x80, 0xc8, 0, 6], &[0x81, 0xc9, 0xff, 0xff], &[0xb0, 0x80]]).await;
}

#[tokio::test]
async fn sip_at_the_gate() {
    let words: &[&[u8]] = &[
        b"Content-Length: 99999999999\r\n",
        b"\r\nVia: ",
        b"\r\n ",
        b"\r\n\r\n",
        b";tag=",
        b"sip:[::1",
        b"4294967296",
        b"%ff%",
        b"CSeq: 1 ACK\r\n",
    ];
    storm("sip", bodies::sip, words).await;
}

#[tokio::test]
async fn keys() {
    storm("keys", bodies::keys, &[b"Signal=", b"Duration=", b"application/dtmf\n", b"-9223372036854775808"])
        .await;
}

#[tokio::test]
async fn prompts_that_are_uploaded() {
    storm("wav", bodies::wav, &[b"data", b"fmt ", b"RIFF", &[0xff, 0xff, 0xff, 0xff]]).await;
}
