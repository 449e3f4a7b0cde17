//! What one visitor who waits costs: resident memory of the process that holds her socket.

use futures_util::StreamExt as _;

use crate::net::{AT_ONCE, BUFFER, Line};
use crate::program::{Program, resident_kib};
use crate::support::{TestDb, seed};
use crate::{bare, crowd, table};

/// Visitors before the first look, so that what the process needs once is not counted.
const WARM: usize = 200;
const VISITORS: usize = 2000;

/// What the crate takes for a reading buffer when nobody says otherwise.
const BUFFER_OF_THE_CRATE: usize = 128 * 1024;

pub async fn run() {
    let program = program().await;
    let same = server(BUFFER).await;
    let usual = server(BUFFER_OF_THE_CRATE).await;
    table::beside(
        &format!(
            "memory for each of {} visitors who wait: socket open, hello said, a place in the line (resident \
             memory of the program's process; the first {WARM} are not counted)",
            table::count(table::real(VISITORS))
        ),
        &format!("{program:.1} KiB"),
        &format!(
            "{same:.1} KiB: as many sockets in a bare server with the same reading buffers ({} KiB; \
             {usual:.1} KiB with the {} KiB that tokio-tungstenite takes by itself)",
            BUFFER / 1024,
            BUFFER_OF_THE_CRATE / 1024
        ),
        program / same,
    );
}

async fn program() -> f64 {
    let db = TestDb::sqlite().await;
    seed::fill_with(&db.db, crowd::patient()).await;
    let folder = tempfile::tempdir().expect("a folder for the data");
    let program = Program::start(folder.path(), &db.url).await;
    let mut kept = Vec::new();
    let mut seen = Vec::new();
    for numbers in [0..WARM, WARM..WARM + VISITORS] {
        let visitors = crowd::begin_all(program.address, numbers).await;
        kept.extend(crowd::enter(program.address, &visitors).await);
        seen.push(resident_kib(program.pid()));
    }
    let each = (seen[1] - seen[0]) / table::real(VISITORS);
    drop(kept);
    program.end().await;
    db.finish().await;
    each
}

async fn server(buffer: usize) -> f64 {
    let server = bare::Process::start(buffer).await;
    let mut kept = Vec::new();
    let mut seen = Vec::new();
    for count in [WARM, VISITORS] {
        let opening = futures_util::stream::iter(0..count).map(|_| async {
            let mut line = Line::open(server.address, "/", "").await;
            line.say("hello").await;
            line.heard().await;
            line
        });
        kept.extend(opening.buffered(AT_ONCE).collect::<Vec<_>>().await);
        seen.push(resident_kib(server.pid()));
    }
    drop(kept);
    (seen[1] - seen[0]) / table::real(VISITORS)
}
